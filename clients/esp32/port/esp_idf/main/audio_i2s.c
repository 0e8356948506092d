#include "audio_i2s.h"

#include "board.h"
#include "codec.h"
#include "driver/i2s_std.h"
#include "echo.h"
#include "esp_check.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "wifi.h"

#include <stdatomic.h>
#include <string.h>

/* 10 ms in a DMA buffer, four of them each way: a frame is two, and the task has 20 ms of patience. */
#define BUFFERS 4u
#define BUFFER_SAMPLES (BOARD_HZ / 100u)
#define CAPTURE_MS 200
#define FRAME_MS 20

static const char *tag = "audio";
static i2s_chan_handle_t tx, rx;
static atomic_uint sent, received; /* DMA buffers, since the bus was started */
static uint32_t written, taken;    /* likewise, by this task */
static int32_t bus[BOARD_FRAME_SAMPLES];

static bool on_sent(i2s_chan_handle_t channel, i2s_event_data_t *event, void *context) {
  (void)channel;
  (void)event;
  (void)context;
  atomic_fetch_add_explicit(&sent, 1, memory_order_relaxed);
  return false;
}

static bool on_received(i2s_chan_handle_t channel, i2s_event_data_t *event, void *context) {
  (void)channel;
  (void)event;
  (void)context;
  atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
  return false;
}

static int16_t clipped(int32_t sample) {
  return (int16_t)(sample > INT16_MAX ? INT16_MAX : sample < INT16_MIN ? INT16_MIN : sample);
}

/* A buffer that was written is sent after all others of the ring: what is free just now is what is not in between. */
static uint32_t output_samples(void) {
  uint32_t out = atomic_load_explicit(&sent, memory_order_relaxed);
  if ((int32_t)(out - written) < 0) written = out;
  uint32_t unused = out - written;
  if (unused >= BUFFERS) { /* the task was late, silence was sent meanwhile, and the driver forgot the oldest */
    unused = BUFFERS - 1;
    written = out - unused;
  }
  return (BUFFERS - unused) * BUFFER_SAMPLES;
}

static uint32_t input_samples(void) {
  uint32_t in = atomic_load_explicit(&received, memory_order_relaxed);
  uint32_t waiting = in - taken;
  if (waiting > BUFFERS) { /* likewise: what the driver could not keep is lost */
    taken = in - BUFFERS;
    waiting = BUFFERS;
  }
  return waiting * BUFFER_SAMPLES;
}

/* Silence where the microphone gives nothing: time has to pass all the same, or nothing works any more, button and all. */
static bool capture(void *self, int16_t *samples, size_t count) {
  (void)self;
  static bool was_well = true;
  size_t bytes = count * (the_board.wide_slots ? sizeof(int32_t) : sizeof(int16_t));
  size_t got = 0;
  uint8_t *into = the_board.wide_slots ? (uint8_t *)bus : (uint8_t *)samples;
  esp_err_t error = i2s_channel_read(rx, into, bytes, &got, CAPTURE_MS);
  bool is_well = error == ESP_OK && got == bytes;
  if (!is_well) {
    if (was_well) ESP_LOGE(tag, "the microphone gives nothing (%s): look at its wires", esp_err_to_name(error));
    if (error != ESP_OK && error != ESP_ERR_TIMEOUT) vTaskDelay(pdMS_TO_TICKS(FRAME_MS)); /* it did not wait */
    memset(into + got, 0, bytes - got);
  }
  was_well = is_well;
  taken += (uint32_t)(got * count / bytes / BUFFER_SAMPLES);
  if (the_board.wide_slots) { /* 24 bits at the top of 32 */
    const int shift = 16 - CONFIG_PARLEY_MIC_GAIN_DB / 6;
    for (size_t i = 0; i < count; i++) samples[i] = clipped(bus[i] >> shift);
  }
  echo_cancel(samples, count, output_samples());
  return true;
}

static void play(void *self, const int16_t *samples, size_t count) {
  (void)self;
  echo_played(samples, count);
  const void *from = samples;
  size_t bytes = count * sizeof(int16_t), done = 0;
  if (the_board.wide_slots) {
    for (size_t i = 0; i < count; i++) bus[i] = (int32_t)samples[i] * 65536;
    from = bus;
    bytes = count * sizeof(int32_t);
  }
  if (i2s_channel_write(tx, from, bytes, &done, CAPTURE_MS) != ESP_OK) ESP_LOGW(tag, "the speaker takes nothing");
  written += (uint32_t)(count / BUFFER_SAMPLES);
}

static parley_latency latency(void *self) {
  (void)self;
  return (parley_latency){
      .output_samples = output_samples() + CONFIG_PARLEY_OUTPUT_LATENCY_SAMPLES * BOARD_HZ / 16000u,
      .input_samples = input_samples() + echo_delay_samples(),
  };
}

/* Wi-Fi that sleeps between beacons delays every packet by a tenth of a second: not while somebody talks. */
static void active(void *self, bool is_active) {
  (void)self;
  wifi_stay_awake(is_active);
#if CONFIG_PARLEY_CODEC
  codec_mute(!is_active);
#endif
}

static esp_err_t start_bus(void) {
  i2s_chan_config_t channel = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_0, I2S_ROLE_MASTER);
  channel.dma_desc_num = BUFFERS;
  channel.dma_frame_num = BUFFER_SAMPLES;
  channel.auto_clear = true; /* silence, where the task was late */
  ESP_RETURN_ON_ERROR(i2s_new_channel(&channel, &tx, &rx), tag, "there is no I2S left");
  i2s_data_bit_width_t width = the_board.wide_slots ? I2S_DATA_BIT_WIDTH_32BIT : I2S_DATA_BIT_WIDTH_16BIT;
  i2s_std_config_t standard = {
      .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(BOARD_HZ),
      .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(width, I2S_SLOT_MODE_MONO),
      .gpio_cfg = {.mclk = the_board.mclk,
                   .bclk = the_board.bclk,
                   .ws = the_board.ws,
                   .dout = the_board.dout,
                   .din = the_board.din},
  };
  ESP_RETURN_ON_ERROR(i2s_channel_init_std_mode(tx, &standard), tag, "I2S can't be set up: look at the pins");
  standard.slot_cfg.slot_mask = I2S_STD_SLOT_LEFT;
  ESP_RETURN_ON_ERROR(i2s_channel_init_std_mode(rx, &standard), tag, "I2S can't be set up: look at the pins");
  const i2s_event_callbacks_t of_tx = {.on_sent = on_sent}, of_rx = {.on_recv = on_received};
  ESP_RETURN_ON_ERROR(i2s_channel_register_event_callback(tx, &of_tx, NULL), tag, "I2S");
  ESP_RETURN_ON_ERROR(i2s_channel_register_event_callback(rx, &of_rx, NULL), tag, "I2S");
  ESP_RETURN_ON_ERROR(i2s_channel_enable(tx), tag, "I2S does not start");
  return i2s_channel_enable(rx);
}

esp_err_t audio_i2s_start(void) {
  ESP_RETURN_ON_ERROR(start_bus(), tag, "no sound");
#if CONFIG_PARLEY_CODEC
  ESP_RETURN_ON_ERROR(codec_start(), tag, "no sound");
#endif
  if (!echo_start()) ESP_LOGW(tag, "echo is not cancelled here: the server does it, or use headphones");
  return ESP_OK;
}

parley_audio_port audio_i2s_port(void) {
  return (parley_audio_port){.capture = capture, .play = play, .latency = latency, .active = active};
}

bool audio_i2s_cancels_echo(void) {
  return echo_is_cancelled();
}
