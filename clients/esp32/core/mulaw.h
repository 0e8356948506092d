/* G.711 mu-law, a byte a sample. */
#ifndef PARLEY_MULAW_H
#define PARLEY_MULAW_H

#include <stdint.h>

uint8_t mulaw_of(int16_t sample);
int16_t sample_of_mulaw(uint8_t code);

#endif
