#pragma once
#include "esp_err.h"
#include <stdbool.h>
typedef struct audio_codec_ctrl_if_t audio_codec_ctrl_if_t;
typedef struct audio_codec_gpio_if_t audio_codec_gpio_if_t;
typedef struct audio_codec_if_t audio_codec_if_t;
typedef struct {
  uint8_t bits_per_sample;
  uint8_t channel;
  uint16_t channel_mask;
  uint32_t sample_rate;
  int mclk_multiple;
} esp_codec_dev_sample_info_t;
typedef enum {
  ESP_CODEC_DEV_WORK_MODE_NONE,
  ESP_CODEC_DEV_WORK_MODE_ADC = 1,
  ESP_CODEC_DEV_WORK_MODE_DAC = 2,
  ESP_CODEC_DEV_WORK_MODE_BOTH = 3
} esp_codec_dec_work_mode_t;
typedef struct {
  float pa_voltage, codec_dac_voltage, pa_gain;
} esp_codec_dev_hw_gain_t;
struct audio_codec_if_t {
  int (*enable)(const audio_codec_if_t *h, bool enable);
  int (*set_fs)(const audio_codec_if_t *h, esp_codec_dev_sample_info_t *fs);
  int (*mute)(const audio_codec_if_t *h, bool mute);
  int (*set_vol)(const audio_codec_if_t *h, float db);
  int (*set_mic_gain)(const audio_codec_if_t *h, float db);
};
typedef struct {
  uint8_t port;
  uint8_t addr;
  void *bus_handle;
} audio_codec_i2c_cfg_t;
const audio_codec_gpio_if_t *audio_codec_new_gpio(void);
const audio_codec_ctrl_if_t *audio_codec_new_i2c_ctrl(audio_codec_i2c_cfg_t *i2c_cfg);
