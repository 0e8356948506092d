/* Echo cancelling behind the audio port, where it was chosen (CONFIG_PARLEY_AEC): Espressif's AFE.
 *
 * Without it these functions do nothing, and echo is left to the server. */
#ifndef PARLEY_ECHO_H
#define PARLEY_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begin. False: echo is not cancelled here. */
bool echo_start(void);
bool echo_is_cancelled(void);
/* Take the echo out of what the microphone heard, in place. `output_samples`: how far the speaker is behind just now. */
void echo_cancel(int16_t *samples, size_t count, uint32_t output_samples);
/* Note what the speaker was given: the reference. */
void echo_played(const int16_t *samples, size_t count);
/* By how much the microphone is later for it. */
uint32_t echo_delay_samples(void);

#endif
