#include "board.h"

#if CONFIG_PARLEY_BOARD_S3_MODULES
const board the_board = {
    .name = "ESP32-S3-DevKitC-1 with INMP441 and MAX98357A",
    .mclk = GPIO_NUM_NC,
    .bclk = GPIO_NUM_5,
    .ws = GPIO_NUM_4,
    .din = GPIO_NUM_6,
    .dout = GPIO_NUM_7,
    .wide_slots = true,
    .sda = GPIO_NUM_NC,
    .scl = GPIO_NUM_NC,
    .amplifier = GPIO_NUM_NC,
    .button = GPIO_NUM_0,
    .light = CONFIG_PARLEY_PIN_RGB_OF_DEVKITC,
    .rgb = true,
};
#elif CONFIG_PARLEY_BOARD_BOX_3
const board the_board = {
    .name = "ESP32-S3-BOX-3",
    .mclk = GPIO_NUM_2,
    .bclk = GPIO_NUM_17,
    .ws = GPIO_NUM_45,
    .din = GPIO_NUM_16,
    .dout = GPIO_NUM_15,
    .sda = GPIO_NUM_8,
    .scl = GPIO_NUM_18,
    .amplifier = GPIO_NUM_46,
    .has_es7210 = true,
    .button = GPIO_NUM_0,
    .light = GPIO_NUM_47, /* the screen's backlight: there is no LED */
};
#elif CONFIG_PARLEY_BOARD_C3_MODULES
const board the_board = {
    .name = "ESP32-C3-DevKitM-1 with INMP441 and MAX98357A",
    .mclk = GPIO_NUM_NC,
    .bclk = GPIO_NUM_4,
    .ws = GPIO_NUM_5,
    .din = GPIO_NUM_6,
    .dout = GPIO_NUM_7,
    .wide_slots = true,
    .sda = GPIO_NUM_NC,
    .scl = GPIO_NUM_NC,
    .amplifier = GPIO_NUM_NC,
    .button = GPIO_NUM_9,
    .light = GPIO_NUM_8,
    .rgb = true,
};
#elif CONFIG_PARLEY_BOARD_P4_EV
const board the_board = {
    .name = "ESP32-P4-Function-EV-Board",
    .mclk = GPIO_NUM_13,
    .bclk = GPIO_NUM_12,
    .ws = GPIO_NUM_10,
    .din = GPIO_NUM_11,
    .dout = GPIO_NUM_9,
    .sda = GPIO_NUM_7,
    .scl = GPIO_NUM_8,
    .amplifier = GPIO_NUM_53,
    .button = GPIO_NUM_35,
    .light = GPIO_NUM_NC,
};
#else
const board the_board = {
    .name = "another board",
    .mclk = GPIO_NUM_NC,
    .bclk = CONFIG_PARLEY_PIN_BCLK,
    .ws = CONFIG_PARLEY_PIN_WS,
    .din = CONFIG_PARLEY_PIN_DIN,
    .dout = CONFIG_PARLEY_PIN_DOUT,
    .wide_slots = true,
    .sda = GPIO_NUM_NC,
    .scl = GPIO_NUM_NC,
    .amplifier = GPIO_NUM_NC,
    .button = CONFIG_PARLEY_PIN_BUTTON,
    .light = CONFIG_PARLEY_PIN_LIGHT,
#if CONFIG_PARLEY_LIGHT_RGB
    .rgb = true,
#endif
};
#endif
