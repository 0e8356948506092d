/* Ramps, holds, and gains. */
#include "../../core/fader.h"
#include "check.h"

static void fill(int16_t *samples, int16_t value) {
  for (int i = 0; i < 480; i++) samples[i] = value;
}

void test_fader(void) {
  CHECK_NUMBER(gain_of(0), FULL_GAIN);
  CHECK_NUMBER(gain_of(6000), FULL_GAIN);
  CHECK((gain_of(-20000) - FULL_GAIN / 10) / 1000 == 0);
  CHECK_NUMBER(gain_of(-200000), 0);
  CHECK_NUMBER(sample_at(-32768, FULL_GAIN), -32768);
  CHECK_NUMBER(sample_at(32767, FULL_GAIN), 32767);

  fader f;
  int16_t samples[480];
  fader_init(&f, 24000);
  fill(samples, 10000);
  fader_apply(&f, samples, 480);
  CHECK_NUMBER(samples[479], 10000);
  fader_duck(&f, -20000);
  fader_apply(&f, samples, 480);
  CHECK(samples[0] > 9900 && samples[479] >= 999 && samples[479] <= 1001); /* there within 20 ms, without a jump */
  for (int i = 0; i < 39; i++) {
    fill(samples, 10000);
    fader_apply(&f, samples, 480);
    CHECK(samples[479] >= 999 && samples[479] <= 1001);
  }
  CHECK(!f.is_ducked && f.has_lapsed); /* 800 ms are over */
  fill(samples, 10000);
  fader_apply(&f, samples, 480);
  CHECK_NUMBER(samples[479], 10000);
  fader_duck(&f, -20000);
  fader_apply(&f, samples, 240);
  fader_release(&f); /* in the middle of the ramp */
  fill(samples, 10000);
  fader_apply(&f, samples, 480);
  CHECK(samples[0] < 7000 && samples[479] == 10000 && f.gain == FULL_GAIN);
}
