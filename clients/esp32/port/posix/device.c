#include "device.h"

#include "events.h"

#include <stdlib.h>
#include <string.h>

static const char *const lights[] = {"off",      "connecting", "ready", "listening", "thinking",
                                     "speaking", "floor",      "muted", "resuming",  "trouble"};

/* The ports */

static uint32_t now_ms(void *self) {
  (void)self;
  return (uint32_t)(events_now_us() / 1000);
}

static uint32_t random_bits(void *self) {
  (void)self;
  uint32_t bits;
  link_random(&bits, sizeof bits);
  return bits;
}

static void log_line(void *self, parley_log_level level, const char *words) {
  device *device = self;
  if (level > PARLEY_LOG_DEBUG) events_tell_own(device, "log", words);
}

static void told_of_link(void *self, const char *words) {
  events_tell_own(self, "link", words);
}

static bool capture(void *self, int16_t *samples, size_t count) {
  device *device = self;
  mouth_take(&device->mouth, samples, count);
  return true;
}

static void play(void *self, const int16_t *samples, size_t count) {
  device *device = self;
  recorder_write(&device->recorder, samples, count);
}

static parley_latency latency(void *self) {
  const device *device = self;
  uint32_t rate_hz = device->options->config.output.rate_hz;
  return (parley_latency){.output_samples = device->options->latency_ms * rate_hz / 1000};
}

static bool is_down(void *self) {
  const device *device = self;
  return device->button_down;
}

static void show(void *self, parley_light light) {
  device *device = self;
  device->light = light;
  if ((size_t)light < sizeof lights / sizeof *lights) events_tell_own(device, "light", lights[light]);
}

static void happened(void *self, const parley_event *event) {
  device *device = self;
  events_tell(device, event);
  asking_note(&device->asking, event);
  switch (event->kind) {
  case PARLEY_EVENT_OPENED:
  case PARLEY_EVENT_RESUMED:
    device->is_opened = true;
    device->code = EXIT_WELL;
    break;
  case PARLEY_EVENT_REPLY_STARTED:
    if (device->spoken_us && device->answers < DEVICE_ANSWERS)
      device->answers_ms[device->answers++] = (uint32_t)((events_now_us() - device->spoken_us) / 1000);
    device->spoken_us = 0;
    break;
  case PARLEY_EVENT_REPLY_PLAYED:
    device->replies++;
    break;
  case PARLEY_EVENT_SILENCED:
    device->silenced++;
    break;
  case PARLEY_EVENT_ERROR: /* if it is retryable the core calls again, and it may yet go well */
    device->failures += event->value2 == 0;
    device->code = device->is_opened ? EXIT_BROKEN : EXIT_REFUSED;
    break;
  default:
    break;
  }
}

/* Where this device's recording goes: with several devices a number stands before the name's ending. */
static void recording_name(char *name, size_t room, const device *device) {
  const char *path = device->options->record;
  const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
  if (device->options->devices == 1) {
    snprintf(name, room, "%s", path);
  } else if (dot && (!slash || dot > slash)) {
    snprintf(name, room, "%.*s-%u%s", (int)(dot - path), path, device->number, dot);
  } else {
    snprintf(name, room, "%s-%u", path, device->number);
  }
}

static bool open_files(device *device, char fault[FAULT_CHARS]) {
  const options *options = device->options;
  if (options->mic && !mouth_stream(&device->mouth, options->mic, fault)) return false;
  if (!options->record) return true;
  char name[512];
  recording_name(name, sizeof name, device);
  return recorder_open(&device->recorder, name, options->config.output.rate_hz, fault);
}

bool device_init(device *device, unsigned number, const options *options, int epoll, FILE *events, uint64_t now_us,
                 char fault[FAULT_CHARS]) {
  memset(device, 0, sizeof *device);
  device->number = number;
  device->options = options;
  device->events = events;
  device->started_us = now_us;
  mouth_init(&device->mouth);
  link_init(&device->link, epoll);
  asking_init(&device->asking, options->sayings_count, options->repeat, (uint32_t)(options->wait_s * 1000));
  size_t bytes = parley_memory_bytes(&options->config);
  device->memory = bytes ? calloc(1, bytes) : NULL;
  parley_ports ports = {
      .time = {NULL, now_ms, random_bits},
      .net = link_port(&device->link),
      .log = {device, log_line},
  };
  parley *core = device->memory ? parley_init(device->memory, bytes, &options->config, &ports) : NULL;
  if (!core) {
    snprintf(fault, FAULT_CHARS, bytes ? "There is too little memory for so many devices."
                                       : "Such a device is not possible: look at its rates and buffers.");
    return false;
  }
  parley_listen(core, (parley_listener){device, happened});
  device->link.core = core;
  device->link.told = told_of_link;
  device->link.told_self = device;
  device->whole = (parley_device){
      .core = core,
      .audio = {device, capture, play, latency, NULL},
      .button = {device, is_down},
      .light = {device, show},
  };
  return open_files(device, fault);
}

/* Time */

static void fail(device *device, int code, const char *why) {
  events_tell_own(device, "fault", why);
  device->code = code;
  device->failures++;
  device_leave(device);
}

static void ask(device *device, uint64_t now_us) {
  const options *options = device->options;
  bool is_asking = options->sayings_count && !device->is_leaving;
  if (is_asking && !device->is_opened && (double)(now_us - device->begun_us) / 1e6 > options->wait_s)
    fail(device, EXIT_REFUSED, "Nobody took the call. Is that the address, and does a server run there?");
  bool is_talking = mouth_is_talking(&device->mouth);
  if (device->is_talking && !is_talking) {
    device->spoken_us = now_us;
    events_tell_own(device, "said", "");
  }
  device->is_talking = is_talking;
  char fault[FAULT_CHARS];
  sound words;
  switch (asking_tick(&device->asking, device->whole.core, is_talking, (uint32_t)(now_us / 1000))) {
  case ASKING_SAY:
    if (sound_open(options->sayings[(device->asking.asked - 1) % options->sayings_count], options->config.input.rate_hz,
                   &words, fault))
      mouth_say(&device->mouth, words);
    break;
  case ASKING_HANG_UP:
    device_leave(device);
    break;
  case ASKING_FAILED:
    fail(device, EXIT_BROKEN, "No answer was heard. Is there speech in the file? --wait-s waits longer.");
    break;
  default:
    break;
  }
}

static void note_end(device *device) {
  parley_state state = parley_state_of(device->whole.core);
  bool is_at_rest = state == PARLEY_IDLE || (state == PARLEY_ENDED && !parley_is_speaking(device->whole.core));
  if (!is_at_rest || device->link.state == LINK_OPEN || device->link.state == LINK_CLOSING) return;
  if (device->is_leaving) {
    device->is_over = true;
  } else if (device->asking.count) { /* before all was said and answered */
    if (!device->code) device->code = device->is_opened ? EXIT_BROKEN : EXIT_REFUSED;
    device->failures++;
    device->is_over = true;
  }
}

void device_tick(device *device, uint64_t now_us) {
  int16_t microphone[DEVICE_SAMPLES], speaker[DEVICE_SAMPLES];
  uint64_t lag_us = now_us - device->due_us;
  if (lag_us > PARLEY_FRAME_MS * 1000) device->late_ticks++;
  if (lag_us > device->worst_lag_us) device->worst_lag_us = lag_us;
  device->due_us += PARLEY_FRAME_MS * 1000;
  if (!device->is_begun) {
    device->is_begun = true;
    device->begun_us = now_us;
    if (!device->options->idle) parley_start(device->whole.core);
  }
  if (device->button_ticks && --device->button_ticks == 0) device->button_down = false;
  parley_device_step(&device->whole, microphone, speaker);
  link_tick(&device->link, (uint32_t)(now_us / 1000));
  ask(device, now_us);
  note_end(device);
}

void device_leave(device *device) {
  if (device->is_leaving) return;
  device->is_leaving = true;
  parley_end(device->whole.core, "the person hung up");
}

void device_end(device *device) {
  device->link.told = NULL;
  device->link.core = device->whole.core;
  parley_net_port port = link_port(&device->link);
  port.drop(port.self, false);
  if (!recorder_close(&device->recorder)) device->code = EXIT_USAGE;
  free(device->memory);
  device->memory = NULL;
}
