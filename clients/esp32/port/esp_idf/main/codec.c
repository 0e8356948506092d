#include "codec.h"

#include "board.h"
#include "driver/i2c_master.h"
#include "es7210_adc.h"
#include "es8311_codec.h"
#include "esp_check.h"
#include "esp_codec_dev_defaults.h"

#define MIC_GAIN_DB 30.0f

static const char *tag = "codec";
static const audio_codec_if_t *speaker;

static const audio_codec_ctrl_if_t *reach(i2c_master_bus_handle_t bus, uint8_t address) {
  audio_codec_i2c_cfg_t way = {.port = I2C_NUM_0, .addr = address, .bus_handle = bus};
  return audio_codec_new_i2c_ctrl(&way);
}

static esp_err_t set_up(const audio_codec_if_t *chip) {
  ESP_RETURN_ON_FALSE(chip, ESP_FAIL, tag, "a codec chip does not answer on I2C: is this the right board?");
  esp_codec_dev_sample_info_t format = {.bits_per_sample = 16, .channel = 2, .sample_rate = BOARD_HZ};
  ESP_RETURN_ON_FALSE(chip->set_fs(chip, &format) == 0, ESP_FAIL, tag, "a codec chip does not take the rate");
  ESP_RETURN_ON_FALSE(chip->enable(chip, true) == 0, ESP_FAIL, tag, "a codec chip does not start");
  return ESP_OK;
}

esp_err_t codec_start(void) {
  i2c_master_bus_handle_t bus = NULL;
  const i2c_master_bus_config_t wires = {
      .i2c_port = I2C_NUM_0,
      .sda_io_num = the_board.sda,
      .scl_io_num = the_board.scl,
      .clk_source = I2C_CLK_SRC_DEFAULT,
      .glitch_ignore_cnt = 7,
      .flags.enable_internal_pullup = true,
  };
  ESP_RETURN_ON_ERROR(i2c_new_master_bus(&wires, &bus), tag, "there is no I2C left");
  es8311_codec_cfg_t dac = {
      .ctrl_if = reach(bus, ES8311_CODEC_DEFAULT_ADDR),
      .gpio_if = audio_codec_new_gpio(),
      .codec_mode = the_board.has_es7210 ? ESP_CODEC_DEV_WORK_MODE_DAC : ESP_CODEC_DEV_WORK_MODE_BOTH,
      .pa_pin = (int16_t)the_board.amplifier,
      .use_mclk = true,
      .hw_gain = {.pa_voltage = 5.0f, .codec_dac_voltage = 3.3f},
      .no_dac_ref = true,
  };
  speaker = es8311_codec_new(&dac);
  ESP_RETURN_ON_ERROR(set_up(speaker), tag, "speaker");
  speaker->set_vol(speaker, CONFIG_PARLEY_VOLUME_DB);
  const audio_codec_if_t *microphone = speaker;
  if (the_board.has_es7210) {
    es7210_codec_cfg_t adc = {
        .ctrl_if = reach(bus, ES7210_CODEC_DEFAULT_ADDR),
        .mic_selected = ES7210_SEL_MIC1 | ES7210_SEL_MIC2,
    };
    microphone = es7210_codec_new(&adc);
    ESP_RETURN_ON_ERROR(set_up(microphone), tag, "microphone");
  }
  microphone->set_mic_gain(microphone, MIC_GAIN_DB);
  return ESP_OK;
}

void codec_mute(bool muted) {
  if (speaker) speaker->mute(speaker, muted);
}
