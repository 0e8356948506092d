/* What menuconfig would have written; the board and its choices are given on the command line. */
#pragma once
#define CONFIG_PARLEY_SERVER ""
#define CONFIG_PARLEY_TOKEN ""
#define CONFIG_PARLEY_AGENT ""
#define CONFIG_PARLEY_SETUP_PASSWORD "parley-setup"
#define CONFIG_PARLEY_MIC_GAIN_DB 12
#define CONFIG_PARLEY_VOLUME_DB (-12)
#define CONFIG_PARLEY_OUTPUT_LATENCY_SAMPLES 24
#define CONFIG_PARLEY_PIN_RGB_OF_DEVKITC 48
#define CONFIG_PARLEY_PIN_BCLK 5
#define CONFIG_PARLEY_PIN_WS 4
#define CONFIG_PARLEY_PIN_DIN 6
#define CONFIG_PARLEY_PIN_DOUT 7
#define CONFIG_PARLEY_PIN_BUTTON 0
#define CONFIG_PARLEY_PIN_LIGHT 48
