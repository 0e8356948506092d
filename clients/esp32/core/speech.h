/* Whether somebody speaks, frame by frame: quick and plain, for the instant duck. The server's ear decides.
 *
 * Levels are logarithms to the base 2 of the mean square, in 1/256: 85 of them are one dB. Whole arithmetic. */
#ifndef PARLEY_SPEECH_H
#define PARLEY_SPEECH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct speech_detector {
  int32_t floor;     /* level of the background */
  int32_t coupling;  /* how far the echo that is left lies below (or above) what the speaker plays */
  int32_t echo;      /* level of echo that may still ring */
  int32_t last;      /* the last sample, and the high-pass filter's */
  int32_t filtered;
  uint8_t loud_frames;  /* speech-like frames in a row */
  uint8_t quiet_frames; /* the opposite */
  bool is_speech;
  bool has_floor;
  int32_t level;     /* of the last frame */
} speech_detector;

/* `coupling_db`: how far below the speaker's level its echo in the microphone is likely to be: -60 for headphones. */
void speech_init(speech_detector *d, int32_t coupling_db);
/* Take 20 ms. `far_level`: of what was audible from the speaker meanwhile, 0 for silence. Returns whether it is speech: from
 * the fourth speech-like frame in a row on, until 200 ms are none. */
bool speech_feed(speech_detector *d, const int16_t *samples, size_t count, int32_t far_level);
/* The level of samples as they are. */
int32_t level_of(const int16_t *samples, size_t count);

#endif
