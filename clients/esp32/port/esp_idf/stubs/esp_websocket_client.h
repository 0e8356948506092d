#pragma once
#include "esp_event.h"
#include "freertos/FreeRTOS.h"
#include <stdbool.h>
#include <stddef.h>
typedef struct esp_websocket_client *esp_websocket_client_handle_t;
ESP_EVENT_DECLARE_BASE(WEBSOCKET_EVENTS);
typedef enum {
  WEBSOCKET_EVENT_ANY = -1,
  WEBSOCKET_EVENT_ERROR = 0,
  WEBSOCKET_EVENT_CONNECTED,
  WEBSOCKET_EVENT_DISCONNECTED,
  WEBSOCKET_EVENT_DATA,
  WEBSOCKET_EVENT_CLOSED,
  WEBSOCKET_EVENT_BEFORE_CONNECT,
  WEBSOCKET_EVENT_BEGIN,
  WEBSOCKET_EVENT_FINISH,
  WEBSOCKET_EVENT_MAX
} esp_websocket_event_id_t;
typedef struct {
  const char *data_ptr;
  int data_len;
  bool fin;
  uint8_t op_code;
  esp_websocket_client_handle_t client;
  void *user_context;
  int payload_len;
  int payload_offset;
} esp_websocket_event_data_t;
typedef struct {
  const char *uri;
  bool disable_auto_reconnect;
  void *user_context;
  int task_prio;
  int task_stack;
  int buffer_size;
  const char *subprotocol;
  bool disable_pingpong_discon;
  esp_err_t (*crt_bundle_attach)(void *conf);
  int network_timeout_ms;
} esp_websocket_client_config_t;
esp_websocket_client_handle_t esp_websocket_client_init(const esp_websocket_client_config_t *config);
esp_err_t esp_websocket_client_start(esp_websocket_client_handle_t client);
esp_err_t esp_websocket_client_destroy(esp_websocket_client_handle_t client);
int esp_websocket_client_send_bin(esp_websocket_client_handle_t client, const char *data, int len, TickType_t timeout);
int esp_websocket_client_send_text(esp_websocket_client_handle_t client, const char *data, int len, TickType_t timeout);
esp_err_t esp_websocket_client_close(esp_websocket_client_handle_t client, TickType_t timeout);
bool esp_websocket_client_is_connected(esp_websocket_client_handle_t client);
esp_err_t esp_websocket_register_events(esp_websocket_client_handle_t client, esp_websocket_event_id_t event,
                                        esp_event_handler_t event_handler, void *event_handler_arg);
