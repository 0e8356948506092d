#include "echo.h"

#include "sdkconfig.h"

#if CONFIG_PARLEY_AEC && !CONFIG_PARLEY_MULAW

#include "board.h"
#include "esp_afe_aec.h"
#include "esp_heap_caps.h"
#include "esp_log.h"

#include <string.h>

#define FILTER_BLOCKS 4
#define HISTORY_SAMPLES 2048u /* 128 ms of the speaker: more than it is ever behind */
#define STEADY_FRAMES 10      /* the reference moves only when the speaker's distance has differed for 200 ms */

static const char *tag = "echo";
static afe_aec_handle_t *canceller;
static uint32_t chunk, delay;
static int16_t *pairs, *clean;        /* a chunk of microphone and reference, and what becomes of it */
static uint32_t pairs_count;          /* pairs gathered so far */
static int16_t ready[HISTORY_SAMPLES]; /* clean samples that wait to be given */
static uint32_t ready_count;
static int16_t history[HISTORY_SAMPLES];
static uint32_t played; /* samples that the speaker was ever given */
static uint32_t behind; /* how far the reference is taken back */
static unsigned odd_frames;

static uint32_t common_divisor(uint32_t a, uint32_t b) {
  while (b) {
    uint32_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

bool echo_start(void) {
  canceller = afe_aec_create("MR", FILTER_BLOCKS, AFE_TYPE_VC, AFE_MODE_LOW_COST);
  if (!canceller) return false;
  chunk = (uint32_t)afe_aec_get_chunksize(canceller);
  pairs = heap_caps_aligned_calloc(16, 2 * chunk, sizeof *pairs, MALLOC_CAP_DEFAULT);
  clean = heap_caps_aligned_calloc(16, chunk, sizeof *clean, MALLOC_CAP_DEFAULT);
  /* Frames and chunks are of different lengths: so much has to be ready for a whole frame to be there each time. */
  delay = chunk - common_divisor(BOARD_FRAME_SAMPLES, chunk);
  if (!pairs || !clean || chunk + delay + BOARD_FRAME_SAMPLES > HISTORY_SAMPLES) {
    afe_aec_destroy(canceller);
    canceller = NULL;
    return false;
  }
  ready_count = delay;
  ESP_LOGI(tag, "echo is cancelled here, in pieces of %u samples", (unsigned)chunk);
  return true;
}

bool echo_is_cancelled(void) {
  return canceller != NULL;
}

/* Follow the speaker's distance without trembling: the count of DMA buffers is off by one now and then. */
static void follow(uint32_t output_samples) {
  odd_frames = output_samples == behind ? 0 : odd_frames + 1;
  if (odd_frames < STEADY_FRAMES && played > BOARD_FRAME_SAMPLES * STEADY_FRAMES) return;
  behind = output_samples;
  odd_frames = 0;
}

static void process(void) {
  afe_aec_process(canceller, pairs, clean);
  pairs_count = 0;
  memcpy(ready + ready_count, clean, chunk * sizeof *clean);
  ready_count += chunk;
}

void echo_cancel(int16_t *samples, size_t count, uint32_t output_samples) {
  if (!canceller) return;
  follow(output_samples);
  uint32_t at = played - behind - (uint32_t)count; /* what left the speaker while this was captured */
  for (size_t i = 0; i < count; i++, at++) {
    pairs[2 * pairs_count] = samples[i];
    pairs[2 * pairs_count + 1] = history[at % HISTORY_SAMPLES];
    if (++pairs_count == chunk) process();
  }
  memcpy(samples, ready, count * sizeof *samples);
  ready_count -= (uint32_t)count;
  memmove(ready, ready + count, ready_count * sizeof *ready);
}

void echo_played(const int16_t *samples, size_t count) {
  for (size_t i = 0; i < count; i++) history[played++ % HISTORY_SAMPLES] = samples[i];
}

uint32_t echo_delay_samples(void) {
  return canceller ? delay : 0;
}

#else

bool echo_start(void) {
  return false;
}

bool echo_is_cancelled(void) {
  return false;
}

void echo_cancel(int16_t *samples, size_t count, uint32_t output_samples) {
  (void)samples;
  (void)count;
  (void)output_samples;
}

void echo_played(const int16_t *samples, size_t count) {
  (void)samples;
  (void)count;
}

uint32_t echo_delay_samples(void) {
  return 0;
}

#endif
