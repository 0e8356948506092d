/* The audio port's microphone, on a bus that gives what it is told to. */
#include "../main/audio_i2s.c"

#include "check.h"

const board the_board = {.wide_slots = true};

static struct {
  esp_err_t error;
  size_t got;
  unsigned delays, complaints;
} world;

esp_err_t i2s_channel_read(i2s_chan_handle_t handle, void *dest, size_t size, size_t *bytes_read, uint32_t timeout_ms) {
  (void)handle, (void)timeout_ms;
  int32_t *samples = dest;
  *bytes_read = world.got < size ? world.got : size;
  for (size_t i = 0; i < *bytes_read / sizeof *samples; i++) samples[i] = 1000 << 16;
  return world.error;
}

void vTaskDelay(TickType_t ticks) {
  (void)ticks;
  world.delays++;
}

const char *esp_err_to_name(esp_err_t code) {
  (void)code;
  return "";
}

void esp_log_stub(esp_log_level_t level, const char *about, const char *format, ...) {
  (void)about, (void)format;
  world.complaints += level == ESP_LOG_ERROR;
}

void echo_cancel(int16_t *samples, size_t count, uint32_t behind) {
  (void)samples, (void)count, (void)behind;
}

static int16_t samples[BOARD_FRAME_SAMPLES];

/* One frame; returns how many of its samples are not silence. */
static unsigned listen(esp_err_t error, size_t got) {
  world.error = error;
  world.got = got;
  memset(samples, 1, sizeof samples);
  CHECK(capture(NULL, samples, BOARD_FRAME_SAMPLES)); /* time passes, whatever the microphone does */
  unsigned heard = 0;
  for (unsigned i = 0; i < BOARD_FRAME_SAMPLES; i++) heard += samples[i] != 0;
  return heard;
}

int main(void) {
  CHECK(listen(ESP_OK, SIZE_MAX) == BOARD_FRAME_SAMPLES);
  CHECK(world.complaints == 0);
  CHECK(listen(ESP_ERR_TIMEOUT, 0) == 0);
  CHECK(listen(ESP_ERR_TIMEOUT, 40) == 10);
  CHECK(world.delays == 0); /* the bus has waited */
  CHECK(listen(ESP_FAIL, 0) == 0);
  CHECK(world.delays == 1);
  CHECK(world.complaints == 1); /* of one silence once */
  CHECK(listen(ESP_OK, SIZE_MAX) == BOARD_FRAME_SAMPLES);
  CHECK(listen(ESP_ERR_TIMEOUT, 0) == 0);
  CHECK(world.complaints == 2);
  return told("microphone");
}
