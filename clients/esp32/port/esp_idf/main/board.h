/* Which board this is: its pins, its bus, its light. */
#ifndef PARLEY_BOARD_H
#define PARLEY_BOARD_H

#include "driver/gpio.h"
#include "sdkconfig.h"

#include <stdbool.h>

/* The core runs at one rate both ways: full-duplex I2S has one clock. mu-law is 8 kHz by definition. */
#if CONFIG_PARLEY_MULAW
#define BOARD_HZ 8000
#else
#define BOARD_HZ 16000
#endif
#define BOARD_FRAME_SAMPLES (BOARD_HZ / 50)

typedef struct {
  const char *name;
  gpio_num_t mclk, bclk, ws, din, dout;
  bool wide_slots; /* 32 bits a sample on the bus, as an INMP441 wants it; else 16 */
  gpio_num_t sda, scl, amplifier;
  bool has_es7210; /* microphones on a chip of their own; else on the ES8311 */
  gpio_num_t button;
  gpio_num_t light; /* GPIO_NUM_NC: none */
  bool rgb;         /* the light is a WS2812; else a plain LED (or a screen's backlight), lit by a high level */
} board;

/* The board that was chosen in menuconfig. */
extern const board the_board;

#endif
