#pragma once
#include "esp_codec_dev_defaults.h"
#define ES7210_CODEC_DEFAULT_ADDR 0x80
#define ES7210_SEL_MIC1 ((uint8_t)1)
#define ES7210_SEL_MIC2 ((uint8_t)2)
typedef struct {
  const audio_codec_ctrl_if_t *ctrl_if;
  bool master_mode;
  uint8_t mic_selected;
} es7210_codec_cfg_t;
const audio_codec_if_t *es7210_codec_new(es7210_codec_cfg_t *codec_cfg);
