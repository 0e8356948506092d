/* The output's gain: ducked when somebody may want the floor, let go again, without a click. Whole arithmetic. */
#ifndef PARLEY_FADER_H
#define PARLEY_FADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FULL_GAIN (1 << 30)

/* Time is counted in the samples that pass through. */
typedef struct fader {
  uint32_t rate_hz;
  int32_t gain, target; /* FULL_GAIN is 1 */
  uint32_t ramp_left;   /* samples until `target` is reached */
  uint32_t hold_left;   /* samples until a duck undoes itself */
  bool is_ducked;       /* a duck is in force, verdict pending */
  bool has_lapsed;      /* the last duck undid itself, and nobody was told yet */
} fader;

void fader_init(fader *f, uint32_t rate_hz);
/* Lower the output by `gain_mdb` thousandths of a dB (negative; a positive one counts as 0) within 20 ms, for 800 ms at
 * most. */
void fader_duck(fader *f, int32_t gain_mdb);
/* Go back to full level within 20 ms. */
void fader_release(fader *f);
/* Be at full level at once: for when nothing sounds any more. */
void fader_reset(fader *f);
/* Bring samples to the present gain; a duck runs out at its very sample. */
void fader_apply(fader *f, int16_t *samples, size_t count);

/* A gain in thousandths of a dB as a factor. */
int32_t gain_of(int32_t gain_mdb);
int16_t sample_at(int16_t sample, int32_t gain);

#endif
