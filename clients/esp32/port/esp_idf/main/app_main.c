/* A device from power on to conversation: settings, network, sound, and then one task that lets 20 ms pass at a time. */
#include "audio_i2s.h"
#include "board.h"
#include "button_light.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "net_websocket.h"
#include "nvs_flash.h"
#include "parley.h"
#include "settings_nvs.h"
#include "wifi.h"

#define STACK_BYTES 4096
#define PRIORITY 18 /* below Wi-Fi's own tasks, above everything that can wait */
#define FORGET_MS 3000
#define START_MS 3000 /* there is so much time after power on to reach for the button, however soon it has joined */
#define STEP_MS 20

static const char *tag = "parley";
static SemaphoreHandle_t mutex;
static parley_settings settings;
static parley_device device;

static uint32_t now_ms(void *self) {
  (void)self;
  return (uint32_t)(esp_timer_get_time() / 1000);
}

static uint32_t random_bits(void *self) {
  (void)self;
  return esp_random();
}

static void log_line(void *self, parley_log_level level, const char *words) {
  (void)self;
  static const esp_log_level_t levels[] = {ESP_LOG_DEBUG, ESP_LOG_INFO, ESP_LOG_WARN, ESP_LOG_ERROR};
  ESP_LOG_LEVEL(levels[level], tag, "%s", words);
}

static void lock(void *self, bool locked) {
  (void)self;
  if (locked) {
    xSemaphoreTake(mutex, portMAX_DELAY);
  } else {
    xSemaphoreGive(mutex);
  }
}

static void happened(void *self, const parley_event *event) {
  (void)self;
  switch (event->kind) {
  case PARLEY_EVENT_STATE:
    ESP_LOGI(tag, "%s %s", parley_state_name(parley_state_of(device.core)), event->words);
    break;
  case PARLEY_EVENT_CAPTION: /* what is said is nobody's who has a cable: only a build that logs debug lines tells it */
    if (event->final) ESP_LOGD(tag, "%s: %s", event->who == 1 ? "you" : "it", event->words);
    break;
  case PARLEY_EVENT_NOTICE:
  case PARLEY_EVENT_ERROR:
    ESP_LOGW(tag, "%s", event->words);
    break;
  default:
    break;
  }
}

/* What this device is: its settings, on this board. NULL, or what has to be set. */
static const char *configure(parley_config *config) {
  parley_defaults(config);
  config->input.rate_hz = config->output.rate_hz = BOARD_HZ;
#if CONFIG_PARLEY_MULAW
  config->input.encoding = config->output.encoding = PARLEY_MULAW;
#endif
  parley_fit_buffers(config);
  const parley_kv_port store = settings_nvs_port();
  const char *missing = parley_settings_load(&store, &settings, config);
  if (config->echo == PARLEY_ECHO_DEVICE && !audio_i2s_cancels_echo()) config->echo = PARLEY_ECHO_SERVER;
  return missing;
}

static parley *make_core(const parley_config *config) {
  const parley_ports ports = {
      .time = {.now_ms = now_ms, .random = random_bits},
      .net = net_websocket_port(),
      .log = {.line = log_line},
  };
  size_t bytes = parley_memory_bytes(config);
  void *memory = heap_caps_aligned_calloc(8, 1, bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
  ESP_LOGI(tag, "%s: the core has %u bytes", the_board.name, (unsigned)bytes);
  return memory ? parley_init(memory, bytes, config, &ports) : NULL;
}

static void run(void *nothing) {
  (void)nothing;
  static int16_t microphone[BOARD_FRAME_SAMPLES], speaker[BOARD_FRAME_SAMPLES];
  while (parley_device_step(&device, microphone, speaker)) {
  }
  ESP_LOGE(tag, "without a microphone there is nothing to be done");
  vTaskDelete(NULL);
}

/* Let a moment pass; forget the network and start anew if the button has been held for long. */
static void watch_button(void) {
  static unsigned held_ms;
  held_ms = button_light_is_down() ? held_ms + STEP_MS : 0;
  if (held_ms >= FORGET_MS) {
    ESP_LOGI(tag, "it is to be set up anew");
    wifi_forget();
    esp_restart();
  }
  vTaskDelay(pdMS_TO_TICKS(STEP_MS));
}

/* BOOT can't be held from power on: the chip would go into its loader. So it is watched from then on until there is a
 * network, which is also where a device stands that was carried to another one. */
static void wait_for_network(void) {
  while (esp_timer_get_time() < START_MS * 1000 || button_light_is_down() || !wifi_is_joined()) watch_button();
}

static void start_store(void) {
  esp_err_t error = nvs_flash_init();
  if (error == ESP_ERR_NVS_NO_FREE_PAGES || error == ESP_ERR_NVS_NEW_VERSION_FOUND) {
    ESP_ERROR_CHECK(nvs_flash_erase());
    error = nvs_flash_init();
  }
  ESP_ERROR_CHECK(error);
}

void app_main(void) {
  start_store();
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  mutex = xSemaphoreCreateMutex();
  ESP_ERROR_CHECK(mutex ? ESP_OK : ESP_ERR_NO_MEM);
  ESP_ERROR_CHECK(button_light_start());
  ESP_ERROR_CHECK(wifi_start());
  wait_for_network();
  ESP_ERROR_CHECK(audio_i2s_start());
  static parley_config config;
  const char *missing = configure(&config);
  if (missing) {
    ESP_LOGE(tag, "%s Hold the button for 3 s to set it up again.", missing);
    button_light_light().show(NULL, PARLEY_LIGHT_TROUBLE);
    for (;;) watch_button();
  }
  parley *core = make_core(&config);
  ESP_ERROR_CHECK(core ? net_websocket_start(core, lock) : ESP_ERR_NO_MEM);
  parley_listen(core, (parley_listener){.happened = happened});
  device = (parley_device){
      .core = core,
      .audio = audio_i2s_port(),
      .button = button_light_button(),
      .light = button_light_light(),
      .lock = lock,
  };
  BaseType_t made = xTaskCreatePinnedToCore(run, "parley", STACK_BYTES, NULL, PRIORITY, NULL, portNUM_PROCESSORS - 1);
  ESP_ERROR_CHECK(made == pdPASS ? ESP_OK : ESP_ERR_NO_MEM);
}
