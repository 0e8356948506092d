#include "fader.h"

/* Shorter ramps click, longer ones miss the goal for a duck. */
enum { RAMP_MS = 20 };
/* The verdict on a duck may be lost on the way; the reply must not stay quiet. */
enum { HOLD_MS = 800 };

void fader_init(fader *f, uint32_t rate_hz) {
  f->rate_hz = rate_hz;
  fader_reset(f);
}

void fader_reset(fader *f) {
  f->gain = f->target = FULL_GAIN;
  f->ramp_left = f->hold_left = 0;
  f->is_ducked = f->has_lapsed = false;
}

static void ramp_to(fader *f, int32_t target) {
  f->target = target;
  f->ramp_left = target == f->gain ? 0 : f->rate_hz * RAMP_MS / 1000;
}

void fader_duck(fader *f, int32_t gain_mdb) {
  f->is_ducked = true;
  f->has_lapsed = false;
  f->hold_left = f->rate_hz * HOLD_MS / 1000;
  ramp_to(f, gain_of(gain_mdb));
}

void fader_release(fader *f) {
  f->is_ducked = false;
  f->hold_left = 0;
  ramp_to(f, FULL_GAIN);
}

int32_t gain_of(int32_t gain_mdb) {
  const int64_t one_db = 58409; /* 10^(-1/20) * 2^16 */
  if (gain_mdb >= 0) return FULL_GAIN;
  if (gain_mdb < -90000) return 0;
  int64_t gain = FULL_GAIN;
  int32_t left = -gain_mdb;
  for (; left >= 1000; left -= 1000) gain = gain * one_db >> 16;
  int64_t next = gain * one_db >> 16;
  return (int32_t)(gain - (gain - next) * left / 1000);
}

int16_t sample_at(int16_t sample, int32_t gain) {
  return (int16_t)((sample * (gain >> 14) + (1 << 15)) >> 16);
}

static void ramp(fader *f, int16_t *samples, size_t count) {
  size_t moving = f->ramp_left < count ? f->ramp_left : count;
  if (moving) {
    int32_t step = (f->target - f->gain) / (int32_t)f->ramp_left;
    for (size_t i = 0; i < moving; i++) {
      f->gain += step;
      samples[i] = sample_at(samples[i], f->gain);
    }
    f->ramp_left -= (uint32_t)moving;
    if (!f->ramp_left) f->gain = f->target;
  }
  if (f->gain == FULL_GAIN) return;
  for (size_t i = moving; i < count; i++) samples[i] = sample_at(samples[i], f->gain);
}

void fader_apply(fader *f, int16_t *samples, size_t count) {
  if (!f->is_ducked) {
    ramp(f, samples, count);
    return;
  }
  size_t ducked = f->hold_left < count ? f->hold_left : count;
  ramp(f, samples, ducked);
  f->hold_left -= (uint32_t)ducked;
  if (!f->hold_left) {
    fader_release(f);
    f->has_lapsed = true;
    ramp(f, samples + ducked, count - ducked);
  }
}
