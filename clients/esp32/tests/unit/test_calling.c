/* Calling servers, for the first time and again: what is lost, what is said then, how often, and for how long. */
#include "check.h"
#include "stage.h"

static void is_in(parley_state state) { CHECK_NUMBER(parley_state_of(on.p), state); }

static void resumes(void) {
  stage_begin(NULL);
  stage_open();
  stage_ticks(10);
  stage_says("{\"duck\":{\"seq\":\"7\",\"gainDb\":-20}}");
  stage_audio(3, 0, 960, 5000);
  stage_ticks(5);
  parley_disconnected(on.p, 0);
  is_in(PARLEY_RESUMING);
  CHECK_NUMBER(parley_light_of(on.p), PARLEY_LIGHT_RESUMING);
  on.has_network = false;
  stage_ticks(50); /* a second without network */
  CHECK(on.calls > 2 && on.calls < 9);
  on.has_network = true;
  int calls = on.calls;
  for (int ticks = 0; ticks < 41 && on.calls == calls; ticks++) stage_ticks(1);
  CHECK_NUMBER(on.calls, calls + 1);
  parley_connected(on.p);
  int frames = on.audio_frames;
  stage_ticks(1);
  CHECK(stage_sent("\"resume\":\"t1\"") && stage_sent("\"next\":{\"reply\":\"3\",\"position\":\"960\"}") && stage_sent("\"seq\":\"7\""));
  stage_ticks(3);
  CHECK_NUMBER(on.audio_frames, frames); /* nothing else before `opened` */
  CHECK(parley_is_ducked(on.p) == false);
  stage_says(RESUMED);
  is_in(PARLEY_CONVERSATION);
  CHECK(stage_told(PARLEY_EVENT_RESUMED));
  stage_ticks(1);
  CHECK_NUMBER(on.audio_frames, frames + 20); /* the 400 ms that were kept */
  CHECK(parley_counters_of(on.p).lost_mic_frames > 50);
  CHECK(stage_sent("\"playback\""));
}

static void gives_up(void) {
  stage_begin(NULL);
  stage_open();
  on.has_network = false;
  parley_disconnected(on.p, 0);
  stage_ticks(30 * 50 - 5);
  is_in(PARLEY_RESUMING);
  stage_ticks(10);
  is_in(PARLEY_ENDED);
  CHECK_NUMBER(parley_light_of(on.p), PARLEY_LIGHT_TROUBLE);
  stage_ticks(200);
  is_in(PARLEY_IDLE);
  stage_begin(NULL);
  on.has_network = false;
  parley_start(on.p);
  stage_ticks(120 * 50 + 1);
  is_in(PARLEY_ENDED);
}

static void notices_a_dead_server(void) {
  stage_begin(NULL);
  stage_open();
  stage_ticks(70);
  is_in(PARLEY_CONVERSATION);
  on.clock_ms += 60000; /* this device slept: no fault of the server's */
  stage_ticks(1);
  stage_says("{\"heartbeat\":{\"beat\":\"1\"}}");
  stage_ticks(75);
  is_in(PARLEY_CONVERSATION);
  stage_ticks(2);
  is_in(PARLEY_RESUMING);
}

/* Where the network swallows packets each call is given up before the next: so often, whatever the chance, that the
 * conversation goes on within a second of the network's return. */
static void calls_on_into_silence(void) {
  stage_begin(NULL);
  stage_open();
  stage_ticks(60); /* it was a good one: the calls are counted anew */
  parley_disconnected(on.p, 0);
  stage_ticks(1);
  CHECK_NUMBER(on.calls, 2);
  stage_ticks(26);
  CHECK_NUMBER(on.calls, 2); /* it may yet stand */
  stage_ticks(1);
  CHECK_NUMBER(on.calls, 3); /* its pause is over: it counts from the beginning of the call */
  stage_ticks(51);
  CHECK_NUMBER(on.calls, 3); /* every other one may take a second, for a slow network's sake */
  stage_ticks(1);
  CHECK_NUMBER(on.calls, 4);
  for (int i = 0; i < 20; i++) {
    int calls = on.calls;
    stage_ticks(53);
    CHECK(on.calls > calls);
  }
  is_in(PARLEY_RESUMING);
}

/* A server that is going away says so before it has opened anything, and another one is called, for the first time
 * as for a resumption. */
static void leaves_a_server_that_goes_away(void) {
  static const char goes[] = "{\"closed\":{\"reason\":\"Going.\",\"code\":\"CODE_DRAINING\"}}";
  parley_config config;
  stage_config(&config);
  config.servers[1] = "ws://b:1/v1/converse";
  stage_begin(&config);
  parley_start(on.p);
  stage_ticks(1);
  parley_connected(on.p);
  stage_ticks(1);
  stage_says(goes);
  is_in(PARLEY_CONNECTING);
  stage_ticks(1);
  CHECK(on.calls == 2 && on.url[5] == 'b');
  parley_connected(on.p);
  stage_ticks(1);
  stage_says(OPENED);
  stage_says(goes);
  is_in(PARLEY_RESUMING);
  stage_ticks(1);
  CHECK(on.calls == 3 && on.url[5] == 'a');
  parley_connected(on.p);
  stage_ticks(1);
  stage_says(goes);
  is_in(PARLEY_RESUMING);
  stage_ticks(1);
  CHECK(on.calls == 4 && on.url[5] == 'b');
}

static void hangs_up_on_a_refusal(void) {
  stage_begin(NULL);
  parley_start(on.p);
  stage_ticks(1);
  parley_connected(on.p);
  stage_ticks(1);
  parley_end(on.p, "");
  stage_ticks(1);
  stage_says("{\"error\":{\"code\":\"CODE_FULL\",\"message\":\"full\",\"retryable\":true}}");
  is_in(PARLEY_ENDED);
  stage_ticks(50);
  CHECK_NUMBER(on.calls, 1);
}

void test_calling(void) {
  resumes();
  gives_up();
  notices_a_dead_server();
  calls_on_into_silence();
  leaves_a_server_that_goes_away();
  hangs_up_on_a_refusal();
}
