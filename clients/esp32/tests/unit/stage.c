#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "../server_frames.h"
#include "check.h"

stage on;

static uint64_t memory[1 << 14];

static uint32_t now(void *self) { return ((stage *)self)->clock_ms; }

static uint32_t chance(void *self) {
  (void)self;
  return 12345;
}

static bool call(void *self, const char *url) {
  stage *s = self;
  s->calls++;
  snprintf(s->url, sizeof s->url, "%s", url);
  return s->has_network && url[0] == 'w';
}

static bool send_frame(void *self, bool is_text, const uint8_t *bytes, size_t count) {
  stage *s = self;
  if (s->is_blocked) return false;
  if (is_text && !strncmp((const char *)bytes, "{\"heartbeat", 11)) return true;
  if (is_text) {
    s->texts++;
    s->interrupts += !strncmp((const char *)bytes, "{\"interrupt", 11);
    memcpy(s->last, bytes, count);
    s->last[count] = 0;
  } else {
    s->audio_frames++;
    memcpy(s->audio, bytes, count);
    s->audio_bytes = count;
  }
  return true;
}

static void drop(void *self, bool politely) {
  (void)politely;
  ((stage *)self)->drops++;
}

static void happened(void *self, const parley_event *event) {
  stage *s = self;
  if (s->event_count < 64) s->events[s->event_count++] = event->kind;
  if (event->kind == PARLEY_EVENT_STATE) strcpy(s->words, event->words);
}

void stage_config(parley_config *config) {
  parley_defaults(config);
  config->servers[0] = "ws://a:1/v1/converse";
}

void stage_begin(const parley_config *config) {
  memset(&on, 0, sizeof on);
  on.has_network = true;
  on.clock_ms = 0xffffff00; /* the clock wraps around in the middle of the tests */
  stage_config(&on.config);
  if (config) on.config = *config;
  parley_opus_port opus = on.ports.opus;
  on.ports = (parley_ports){.time = {&on, now, chance}, .net = {&on, call, send_frame, drop}, .opus = opus};
  on.p = parley_init(memory, sizeof memory, &on.config, &on.ports);
  CHECK(on.p != NULL);
  parley_listen(on.p, (parley_listener){&on, happened});
}

void stage_ticks(int count) {
  for (int i = 0; i < count; i++) {
    on.clock_ms += 20;
    parley_tick(on.p, on.microphone, on.speaker, (parley_latency){0, 0});
  }
}

void stage_says(const char *text) { parley_received(on.p, true, (const uint8_t *)text, strlen(text), true, true); }

size_t stage_audio(uint32_t reply, uint64_t position, uint32_t samples, int16_t value) {
  static uint8_t frame[1 << 16];
  playhead piece = {reply, position};
  write_reply_header(frame, &piece);
  for (uint32_t i = 0; i < samples; i++) {
    frame[REPLY_HEADER_BYTES + 2 * i] = (uint8_t)value;
    frame[REPLY_HEADER_BYTES + 2 * i + 1] = (uint8_t)((uint16_t)value >> 8);
  }
  return parley_received(on.p, false, frame, REPLY_HEADER_BYTES + 2 * (size_t)samples, true, true);
}

void stage_open(void) {
  parley_start(on.p);
  stage_ticks(1);
  parley_connected(on.p);
  stage_ticks(1);
  stage_says(OPENED);
}

void stage_resume(void) {
  parley_disconnected(on.p, 0);
  stage_ticks(1);
  parley_connected(on.p);
  stage_ticks(1);
  stage_says(RESUMED);
}

bool stage_told(parley_event_kind kind) {
  for (int i = 0; i < on.event_count; i++) {
    if (on.events[i] == kind) return true;
  }
  return false;
}

bool stage_sent(const char *words) { return strstr(on.last, words) != NULL; }
