/* The state machine, from the first call to the end, whatever goes wrong in between. */
#include "check.h"
#include "stage.h"

static void is_in(parley_state state) { CHECK_NUMBER(parley_state_of(on.p), state); }

static void talks_and_hangs_up(void) {
  stage_begin(NULL);
  is_in(PARLEY_IDLE);
  stage_ticks(3);
  CHECK_NUMBER(on.calls, 0);
  parley_start(on.p);
  is_in(PARLEY_CONNECTING);
  stage_ticks(1);
  CHECK_NUMBER(on.calls, 1);
  CHECK_NUMBER(on.audio_frames, 0);
  parley_connected(on.p);
  stage_ticks(1);
  CHECK(stage_sent("{\"open\":{\"protocol\":1") && !stage_sent("resume"));
  stage_says(OPENED);
  is_in(PARLEY_CONVERSATION);
  stage_ticks(5);
  CHECK_NUMBER(on.audio_frames, 5);
  CHECK_NUMBER(on.audio_bytes, 664);
  stage_says("{\"state\":{\"state\":\"CONVERSATION_STATE_THINKING\"}}");
  CHECK_NUMBER(parley_light_of(on.p), PARLEY_LIGHT_THINKING);
  stage_audio(1, 0, 4800, 7000);
  stage_ticks(1);
  CHECK_NUMBER(on.speaker[100], 7000);
  CHECK(stage_told(PARLEY_EVENT_REPLY_STARTED));
  parley_end(on.p, "enough");
  stage_ticks(1);
  CHECK(stage_sent("{\"end\":{\"reason\":\"enough\"}}"));
  int frames = on.audio_frames;
  stage_ticks(3);
  CHECK_NUMBER(on.audio_frames, frames);
  CHECK_NUMBER(on.speaker[100], 0); /* who hangs up wants silence */
  stage_says("{\"closed\":{\"reason\":\"Over.\",\"code\":\"CODE_CLIENT\"}}");
  is_in(PARLEY_ENDED);
  stage_ticks(60);
  is_in(PARLEY_IDLE);
  CHECK(on.drops > 0);
  parley_start(on.p); /* and again */
  is_in(PARLEY_CONNECTING);
}

static void an_end_without_an_answer(void) {
  stage_begin(NULL);
  stage_open();
  parley_end(on.p, "");
  stage_ticks(101); /* nobody answers it */
  is_in(PARLEY_ENDED);
  stage_ticks(60);
  is_in(PARLEY_IDLE);
  stage_begin(NULL);
  parley_start(on.p);
  stage_ticks(1);
  parley_end(on.p, ""); /* before anything stands */
  is_in(PARLEY_ENDED);
}

static void plays_the_rest(void) {
  stage_begin(NULL);
  stage_open();
  stage_audio(1, 0, 9600, 5000);
  stage_ticks(1);
  stage_says("{\"closed\":{\"reason\":\"Goodbye.\",\"code\":\"CODE_GOODBYE\"}}");
  CHECK(!strcmp(on.words, "Goodbye."));
  stage_ticks(10);
  CHECK_NUMBER(on.speaker[100], 5000);
}

static void obeys_errors(void) {
  stage_begin(NULL);
  parley_start(on.p);
  stage_ticks(1);
  parley_connected(on.p);
  stage_ticks(1);
  stage_says("{\"error\":{\"code\":\"CODE_FULL\",\"message\":\"full\",\"retryable\":true}}");
  is_in(PARLEY_CONNECTING);
  stage_ticks(20);
  CHECK_NUMBER(on.calls, 2);
  parley_connected(on.p);
  stage_ticks(1);
  stage_says("{\"error\":{\"code\":\"CODE_UNAUTHENTICATED\",\"message\":\"no token\"}}");
  is_in(PARLEY_ENDED);
  CHECK(!strcmp(on.words, "no token"));
  stage_begin(NULL);
  stage_open();
  stage_says("this is no message");
  is_in(PARLEY_ENDED);
  CHECK_NUMBER(parley_counters_of(on.p).unreadable, 1);
}

static void bears_a_slow_network(void) {
  stage_begin(NULL);
  stage_open();
  stage_ticks(2);
  on.is_blocked = true;
  int frames = on.audio_frames;
  stage_ticks(30);
  on.is_blocked = false;
  stage_ticks(1);
  CHECK_NUMBER(on.audio_frames, frames + 20); /* the newest 400 ms; the server sees the hole */
  CHECK_NUMBER(parley_counters_of(on.p).lost_mic_frames, 11);
}

static void holds_back_what_does_not_fit(void) {
  parley_config config;
  stage_config(&config);
  config.playout_ms = 400;
  stage_begin(&config);
  stage_open();
  size_t taken = stage_audio(1, 0, 12000, 3000);
  CHECK_NUMBER(taken, 16 + 9600 * 2);
  CHECK_NUMBER(parley_counters_of(on.p).held_back, 1);
  stage_ticks(1);
  static uint8_t rest[4800];
  CHECK_NUMBER(parley_received(on.p, false, rest, sizeof rest, false, true), 960);
}

static void keys_stand_in_their_places(void) {
  stage_begin(NULL);
  stage_open();
  stage_ticks(1);
  parley_mute(on.p, true);
  on.microphone[5] = 1234;
  stage_ticks(1);
  CHECK(stage_sent("{\"mute\":{\"muted\":true}}"));
  CHECK_NUMBER(on.audio[24 + 10], 0); /* silence is sent */
  CHECK_NUMBER(parley_light_of(on.p), PARLEY_LIGHT_MUTED);
  parley_mute(on.p, false);
  stage_ticks(1);
  CHECK(stage_sent("{\"mute\":{}}"));
  CHECK_NUMBER(on.audio[24 + 10], 1234 & 255);
  CHECK(parley_say(on.p, "hello"));
  stage_ticks(1);
  CHECK(stage_sent("\"text\":\"hello\",\"id\":\""));
}

static void keys_from_before_are_told(void) {
  stage_begin(NULL);
  parley_mute(on.p, true);
  parley_start(on.p);
  parley_push_to_talk(on.p, true); /* held before anything stands */
  on.has_network = false;
  stage_ticks(1);
  on.has_network = true;
  stage_ticks(20);
  CHECK_NUMBER(on.calls, 2);
  parley_connected(on.p);
  stage_ticks(1);
  CHECK(stage_sent("{\"pushToTalk\":{\"pressed\":true}}"));
  stage_says("{\"opened\":{\"session\":\"s\",\"protocol\":1}}");
  stage_ticks(1);
  CHECK(stage_sent("{\"mute\":{\"muted\":true}}"));
}

static void takes_memory_once(void) {
  parley_config config;
  stage_config(&config);
  size_t needed = parley_memory_bytes(&config);
  CHECK(needed > 30000 && needed < 65536);
  static uint64_t room[8192];
  parley_ports ports = {0};
  CHECK(!parley_init(room, needed - 1, &config, &ports));
  CHECK(!parley_init((uint8_t *)room + 4, sizeof room - 8, &config, &ports));
  CHECK(parley_init(room, needed, &config, &ports) != NULL);
  config.input.rate_hz = 11025;
  CHECK_NUMBER(parley_memory_bytes(&config), 0);
  stage_config(&config);
  config.servers[0] = NULL;
  CHECK_NUMBER(parley_memory_bytes(&config), 0);
  stage_config(&config);
  config.playout_ms = 50;
  CHECK_NUMBER(parley_memory_bytes(&config), 0);
  config.playout_ms = 200;
  CHECK(parley_memory_bytes(&config) > 0);
  config.output.encoding = PARLEY_OPUS; /* no room for its longest packets */
  CHECK_NUMBER(parley_memory_bytes(&config), 0);
}

void test_session(void) {
  talks_and_hangs_up();
  an_end_without_an_answer();
  plays_the_rest();
  obeys_errors();
  bears_a_slow_network();
  holds_back_what_does_not_fit();
  keys_stand_in_their_places();
  keys_from_before_are_told();
  takes_memory_once();
}
