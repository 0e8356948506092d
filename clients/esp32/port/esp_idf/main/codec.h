/* The codec chips of boards that have them: an ES8311 for the speaker, an ES7210 for the microphones. */
#ifndef PARLEY_CODEC_H
#define PARLEY_CODEC_H

#include "esp_err.h"

#include <stdbool.h>

/* Set the chips up over I2C; the I2S bus, which clocks them, runs already. */
esp_err_t codec_start(void);
/* Silence the speaker between conversations: its amplifier hums. */
void codec_mute(bool muted);

#endif
