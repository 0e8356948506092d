/* One button, one light, and the settings. */
#include "check.h"
#include "stage.h"

static parley_device device;
static bool is_down, is_active;
static parley_light shown;
static int locks;

static bool down(void *self) {
  (void)self;
  return is_down;
}

static bool capture(void *self, int16_t *samples, size_t count) {
  (void)self;
  memset(samples, 0, count * sizeof *samples);
  on.clock_ms += 20;
  return on.clock_ms != 0;
}

static void play(void *self, const int16_t *samples, size_t count) {
  (void)self, (void)samples;
  CHECK_NUMBER(count, 480);
}

static parley_latency latency(void *self) {
  (void)self;
  return (parley_latency){1440, 320};
}

static void active(void *self, bool whether) {
  (void)self;
  is_active = whether;
}

static void show(void *self, parley_light light) {
  (void)self;
  shown = light;
}

static void lock(void *self, bool locked) {
  (void)self;
  locks += locked ? 1 : -1;
  CHECK(locks == 0 || locks == 1);
}

static void rounds(int count) {
  for (int i = 0; i < count; i++) CHECK(parley_device_step(&device, on.microphone, on.speaker));
}

static void press(int ticks) {
  is_down = true;
  rounds(ticks);
  is_down = false;
  rounds(3);
}

static void begin(void) {
  stage_begin(NULL);
  is_down = false;
  device = (parley_device){.core = on.p,
                           .audio = {NULL, capture, play, latency, active},
                           .button = {NULL, down},
                           .light = {NULL, show},
                           .lock = lock};
}

static void open(void) {
  parley_connected(on.p);
  rounds(1);
  stage_says("{\"opened\":{\"session\":\"s\",\"protocol\":1}}");
  rounds(1);
}

static void one_button(void) {
  begin();
  rounds(2);
  CHECK_NUMBER(shown, PARLEY_LIGHT_OFF);
  press(1); /* a spark */
  CHECK_NUMBER(parley_state_of(on.p), PARLEY_IDLE);
  press(5); /* press starts */
  CHECK_NUMBER(parley_state_of(on.p), PARLEY_CONNECTING);
  CHECK(is_active && shown == PARLEY_LIGHT_CONNECTING);
  open();
  CHECK_NUMBER(shown, PARLEY_LIGHT_READY);
  is_down = true; /* hold is push-to-talk */
  rounds(25);
  CHECK(stage_sent("{\"pushToTalk\":{\"pressed\":true}}"));
  is_down = false;
  rounds(3);
  CHECK(stage_sent("{\"pushToTalk\":{}}"));
  CHECK_NUMBER(parley_state_of(on.p), PARLEY_CONVERSATION);
  press(5); /* press ends */
  CHECK(stage_sent("{\"end\":{\"reason\":\"the button was pressed\"}}"));
  stage_says("{\"closed\":{\"code\":\"CODE_CLIENT\"}}");
  rounds(60);
  CHECK_NUMBER(parley_state_of(on.p), PARLEY_IDLE);
  CHECK(!is_active && shown == PARLEY_LIGHT_OFF);
  is_down = true; /* held from rest: begins, and talks by key */
  rounds(5);
  open();
  rounds(25);
  CHECK(stage_sent("{\"pushToTalk\":{\"pressed\":true}}"));
  is_down = false;
  rounds(3);
  CHECK_NUMBER(parley_state_of(on.p), PARLEY_CONVERSATION);
}

static const char *stored[4];

static bool get(void *self, const char *key, char *value, size_t room) {
  static const char *const keys[] = {"server", "token", "agent", "echo"};
  (void)self;
  for (int i = 0; i < 4; i++) {
    if (strcmp(key, keys[i]) || !stored[i] || strlen(stored[i]) >= room) continue;
    strcpy(value, stored[i]);
    return true;
  }
  return false;
}

static void settings(void) {
  parley_kv_port kv = {NULL, get, NULL};
  parley_settings s;
  parley_config config;
  parley_defaults(&config);
  CHECK(parley_settings_load(&kv, &s, &config) != NULL); /* nothing is stored */
  stored[0] = "ws://a:1/v1/converse, wss://b/v1/converse";
  stored[1] = "secret";
  CHECK(!parley_settings_load(&kv, &s, &config));
  CHECK(!strcmp(config.servers[0], "ws://a:1/v1/converse") && !strcmp(config.servers[1], "wss://b/v1/converse"));
  CHECK(!config.servers[2] && !strcmp(config.token, "secret") && !*config.agent);
  stored[3] = "headphones";
  CHECK(!parley_settings_load(&kv, &s, &config) && config.echo == PARLEY_ECHO_HEADPHONES);
  stored[3] = "loud";
  CHECK(parley_settings_load(&kv, &s, &config) != NULL);
  stored[3] = NULL;
  stored[0] = "http://a";
  CHECK(parley_settings_load(&kv, &s, &config) != NULL);
  stored[0] = "ws://a,ws://b,ws://c,ws://d,ws://e";
  CHECK(parley_settings_load(&kv, &s, &config) != NULL);
}

void test_device(void) {
  one_button();
  settings();
}
