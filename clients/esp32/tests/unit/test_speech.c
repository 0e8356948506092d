/* The local detector: quick on a voice, deaf to a knock, to background and to echo. */
#include "../../core/speech.h"
#include "check.h"

static speech_detector d;
static uint32_t seed = 1, phase;

/* A frame of a voice-like tone (a sawtooth at 150 Hz) and of noise, at those amplitudes. */
static bool feed(int voice, int noise, int32_t far_level) {
  int16_t samples[320];
  for (int i = 0; i < 320; i++) {
    seed = seed * 1664525U + 1013904223U;
    phase = (phase + 150) % 16000;
    int saw = voice * ((int)phase - 8000) / 8000;
    samples[i] = (int16_t)(saw + noise * ((int)(seed >> 16) - 32768) / 32768);
  }
  return speech_feed(&d, samples, 320, far_level);
}

static int onset(int voice, int noise, int32_t far_level, int frames) {
  for (int i = 1; i <= frames; i++) {
    if (feed(voice, noise, far_level)) return i;
  }
  return 0;
}

void test_speech(void) {
  int16_t tone[320];
  for (int i = 0; i < 320; i++) tone[i] = (int16_t)(i % 2 ? 1024 : -1024);
  CHECK_NUMBER(level_of(tone, 320), 20 * 256); /* 2^20 */
  CHECK_NUMBER(level_of(tone, 0), 0);

  speech_init(&d, -30);
  CHECK_NUMBER(onset(0, 100, 0, 100), 0); /* two seconds of a quiet room */
  CHECK_NUMBER(onset(3000, 100, 0, 10), 4);
  for (int i = 0; i < 9; i++) CHECK(feed(0, 100, 0)); /* a pause between words */
  feed(0, 100, 0); /* the high-pass filter rings for a moment */
  feed(0, 100, 0);
  CHECK(!feed(0, 100, 0));
  CHECK_NUMBER(onset(8000, 100, 0, 2), 0); /* 40 ms: a knock */
  CHECK_NUMBER(onset(0, 100, 0, 20), 0);
  CHECK_NUMBER(onset(0, 8000, 0, 50), 0); /* a fan is switched on: hiss is no voice */
  CHECK_NUMBER(onset(0, 8000, 0, 50), 0);

  /* Echo that a canceller leaves 20 dB below the reply is learned, and a voice above it is still heard. */
  speech_init(&d, -30);
  onset(0, 30, 0, 50);
  int32_t far = 23 * 256;
  onset(290, 30, far, 50);
  CHECK_NUMBER(onset(290, 30, far, 200), 0);
  CHECK(onset(6000, 30, far, 10) > 0);
  /* Silence after speech leaves nothing behind. */
  speech_init(&d, -60);
  onset(8000, 0, 0, 50);
  onset(0, 0, 0, 50);
  CHECK_NUMBER(onset(0, 0, 0, 50), 0);
}
