/* The other ways to write sound: mu-law, and Opus behind its port. */
#include "../server_frames.h"
#include "../../core/mulaw.h"
#include "check.h"
#include "stage.h"

/* An "Opus" of one byte a millisecond, for want of the real one: it shows that packets go whole. */
static size_t encode(void *self, const int16_t *samples, size_t count, uint8_t *packet, size_t room) {
  (void)self;
  if (samples[0] == 666 || room < 20) return 0;
  memset(packet, (uint8_t)samples[0], count / 16);
  return count / 16;
}

static size_t decode(void *self, const uint8_t *packet, size_t bytes, int16_t *samples, size_t room) {
  (void)self;
  size_t count = bytes * 24;
  for (size_t i = 0; i < count && i < room; i++) samples[i] = (int16_t)(packet[0] * 100);
  return count < room ? count : room;
}

static int resets;

static void reset(void *self) {
  (void)self;
  resets++;
}

static size_t piece(uint64_t position, const uint8_t *body, size_t count, size_t step) {
  static uint8_t frame[4096];
  playhead head = {1, position};
  write_reply_header(frame, &head);
  memcpy(frame + REPLY_HEADER_BYTES, body, count);
  count += REPLY_HEADER_BYTES;
  size_t at = 0;
  while (at < count) { /* in pieces */
    size_t n = count - at < step ? count - at : step;
    size_t used = parley_received(on.p, false, frame + at, n, at == 0, at + n == count);
    at += used;
    if (used < n) break;
  }
  return at;
}

static void mulaw_both_ways(void) {
  parley_config config;
  stage_config(&config);
  config.input = config.output = (parley_format){PARLEY_MULAW, 8000};
  stage_begin(&config);
  CHECK_NUMBER(parley_mic_samples(on.p), 160);
  stage_open();
  on.microphone[0] = 1000;
  stage_ticks(1);
  CHECK_NUMBER(on.audio_bytes, 24 + 160);
  CHECK_NUMBER(on.audio[24], mulaw_of(1000));
  uint8_t body[320];
  memset(body, mulaw_of(-5000), sizeof body);
  piece(0, body, sizeof body, 7);
  stage_ticks(1);
  CHECK_NUMBER(on.speaker[159], sample_of_mulaw(mulaw_of(-5000)));
  CHECK(stage_sent("playback"));
}

static void opus_both_ways(void) {
  parley_config config;
  stage_config(&config);
  config.input = (parley_format){PARLEY_OPUS, 16000};
  config.output = (parley_format){PARLEY_OPUS, 24000};
  memset(&on, 0, sizeof on);
  stage_begin(&config);
  parley_ports ports = on.ports;
  ports.opus = (parley_opus_port){NULL, encode, decode, reset};
  static uint64_t memory[1 << 14];
  on.p = parley_init(memory, sizeof memory, &config, &ports);
  CHECK(on.p != NULL);
  stage_open();
  on.microphone[0] = 42;
  stage_ticks(1);
  CHECK_NUMBER(on.audio_bytes, 24 + 20);
  CHECK_NUMBER(on.audio[24 + 19], 42);
  on.microphone[0] = 666; /* the encoder fails: a hole that keeps its time */
  int frames = on.audio_frames;
  stage_ticks(1);
  CHECK_NUMBER(on.audio_frames, frames);
  on.microphone[0] = 42;
  stage_ticks(1);
  CHECK_NUMBER(on.audio[8] | on.audio[9] << 8, 2 * 320); /* after a frame and the hole */
  parley_mute(on.p, true);
  stage_ticks(1);
  CHECK_NUMBER(on.audio[24 + 19], 0); /* the encoder is given silence, too */
  parley_mute(on.p, false);
  stage_ticks(1);
  CHECK_NUMBER(on.audio[24 + 19], 42);
  uint8_t body[20];
  memset(body, 30, sizeof body);
  for (uint64_t i = 0; i < 6; i++) piece(i * 480, body, sizeof body, 5);
  stage_ticks(1);
  CHECK_NUMBER(resets, 1);
  CHECK_NUMBER(on.speaker[479], 3000);
  memset(body, 31, sizeof body);
  size_t taken = 0;
  for (uint64_t i = 6; i < 30 && taken != 18; i++) { /* until there is no room for the longest packet */
    taken = piece(i * 480, body, sizeof body, 18);
  }
  CHECK_NUMBER(taken, 18); /* the last piece of a packet is what is held back */
}

static void pcm_in_any_pieces(void) {
  for (size_t step = 1; step < 40; step += 3) {
    stage_begin(NULL);
    stage_open();
    uint8_t body[960 * 2];
    for (int i = 0; i < 960; i++) {
      int16_t sample = (int16_t)(i * 31 - 7000);
      body[2 * i] = (uint8_t)sample;
      body[2 * i + 1] = (uint8_t)((uint16_t)sample >> 8);
    }
    CHECK_NUMBER(piece(0, body, sizeof body, step), 16 + sizeof body);
    stage_ticks(1);
    CHECK_NUMBER(on.speaker[0], -7000);
    CHECK_NUMBER(on.speaker[479], 479 * 31 - 7000);
  }
}

void test_formats(void) {
  mulaw_both_ways();
  opus_both_ways();
  pcm_in_any_pieces();
}
