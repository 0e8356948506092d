/* What a conversation costs a device, in instructions: ten seconds of it, a reply sounding and a microphone that speaks.
 * Runs as rv32imc in the emulator, where `minstret` counts what was carried out (QEMU -icount). Opus is not in it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../core/parley.h"
#include "server_frames.h"

enum { TICKS = 500, MHZ = 240, PIECE = 480 };

static uint64_t memory[8192];
static uint32_t clock_ms;
static size_t sent_bytes;

static uint32_t now(void *self) {
  (void)self;
  return clock_ms;
}

static uint32_t chance(void *self) {
  (void)self;
  return 7;
}

static bool call(void *self, const char *url) {
  (void)self, (void)url;
  return true;
}

static bool send_frame(void *self, bool is_text, const uint8_t *bytes, size_t count) {
  (void)self, (void)is_text, (void)bytes;
  sent_bytes += count;
  return true;
}

static void drop(void *self, bool politely) { (void)self, (void)politely; }

static uint64_t instructions(void) {
#if defined(__riscv) && __riscv_xlen == 32
  uint32_t high, low, again;
  do {
    __asm__ volatile(".option push\n.option arch, +zicsr\n"
                     "csrr %0, minstreth\ncsrr %1, minstret\ncsrr %2, minstreth\n.option pop"
                     : "=&r"(high), "=&r"(low), "=&r"(again));
  } while (high != again);
  return (uint64_t)high << 32 | low;
#else
  return 0;
#endif
}

static void says(parley *p, const char *text) { parley_received(p, true, (const uint8_t *)text, strlen(text), true, true); }

int main(void) {
  static int16_t microphone[320], speaker[480];
  static uint8_t frame[REPLY_HEADER_BYTES + 2 * PIECE];
  parley_config config;
  parley_defaults(&config);
  config.servers[0] = "ws://a/v1/converse";
  parley_ports ports = {.time = {NULL, now, chance}, .net = {NULL, call, send_frame, drop}};
  parley *p = parley_init(memory, sizeof memory, &config, &ports);
  if (!p) return 1;
  parley_latency latency = {1440, 320};
  parley_start(p);
  parley_tick(p, microphone, speaker, latency);
  parley_connected(p);
  parley_tick(p, microphone, speaker, latency);
  says(p, "{\"opened\":{\"session\":\"s\",\"resumeToken\":\"t\",\"protocol\":1,\"resumeS\":30}}");

  uint64_t began = instructions(), worst = 0;
  uint32_t noise = 1;
  for (uint32_t i = 0; i < TICKS; i++) {
    uint64_t tick_began = instructions();
    clock_ms += 20;
    for (int j = 0; j < 320; j++) {
      noise = noise * 1664525U + 1013904223U;
      microphone[j] = (int16_t)((int32_t)(noise >> 20) - 2048);
    }
    playhead piece = {1, (uint64_t)i * PIECE};
    write_reply_header(frame, &piece);
    for (size_t j = REPLY_HEADER_BYTES; j < sizeof frame; j++) frame[j] = (uint8_t)(j * 7);
    parley_received(p, false, frame, sizeof frame, true, true);
    if (i % 10 == 0) {
      says(p, "{\"caption\":{\"who\":\"WHO_ASSISTANT\",\"text\":\" some words of it\",\"reply\":\"1\",\"position\":\"4800\",\"turn\":\"1\"}}");
    }
    if (i % 50 == 0) says(p, "{\"heartbeat\":{\"beat\":\"1\"}}");
    if (i % 50 == 1) says(p, "{\"heard\":{\"receivedOffset\":\"1000\"}}");
    if (i % 50 == 20) says(p, "{\"duck\":{\"seq\":\"1\",\"gainDb\":-20}}"); /* the first of them ducks */
    parley_tick(p, microphone, speaker, latency);
    uint64_t took = instructions() - tick_began;
    if (took > worst) worst = took;
  }
  uint64_t each = (instructions() - began) / TICKS;
  parley_counters counters = parley_counters_of(p);
  printf("memory %lu bytes\n", (unsigned long)parley_memory_bytes(&config));
  printf("tick %lu instructions\n", (unsigned long)each);
  printf("worst %lu instructions\n", (unsigned long)worst);
  printf("played %lu samples, %lu underruns, sent %lu bytes\n", (unsigned long)counters.played_samples,
         (unsigned long)counters.underruns, (unsigned long)sent_bytes);
  return counters.played_samples > TICKS * PIECE * 9 / 10 && counters.underruns == 0 ? 0 : 1;
}
