/* The audio port: full-duplex I2S in standard mode, microphone and speaker on one clock. */
#ifndef PARLEY_AUDIO_I2S_H
#define PARLEY_AUDIO_I2S_H

#include "esp_err.h"
#include "ports.h"

/* Start the bus, the codec where there is one, and the echo canceller where it was chosen. */
esp_err_t audio_i2s_start(void);

/* The port that the core's device is given. One task uses it. */
parley_audio_port audio_i2s_port(void);

/* Whether echo is cancelled here. */
bool audio_i2s_cancels_echo(void);

#endif
