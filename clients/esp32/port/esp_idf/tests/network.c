/* The net port between a core that is none and a WebSocket client that is none. */
#include "../main/net_websocket.c"

#include "check.h"

#include <setjmp.h>

esp_event_base_t const WEBSOCKET_EVENTS = "websocket";

static struct {
  size_t room;                 /* of the outbox */
  size_t sizes[64];
  uint8_t messages[64][sizeof(errand)];
  unsigned waiting;
  jmp_buf idle;                /* where the task goes when it has nothing more to do */
  char urls[8][64];            /* that were dialled */
  unsigned dials, put_away, closed, sends, disconnected;
  int taken;                   /* of what is sent; -1 is all */
  void (*meanwhile)(void);     /* while a client is put away */
  esp_event_handler_t tell;
  void *context;
} world;

MessageBufferHandle_t xMessageBufferCreate(size_t bytes) {
  world.room = bytes;
  return (MessageBufferHandle_t)&world;
}

size_t xMessageBufferSend(MessageBufferHandle_t buffer, const void *data, size_t bytes, TickType_t wait) {
  (void)buffer, (void)wait;
  if (bytes > world.room || world.waiting == 64) return 0;
  world.room -= bytes;
  world.sizes[world.waiting] = bytes;
  memcpy(world.messages[world.waiting++], data, bytes);
  return bytes;
}

size_t xMessageBufferReceive(MessageBufferHandle_t buffer, void *data, size_t room, TickType_t wait) {
  (void)buffer, (void)room, (void)wait;
  if (!world.waiting) longjmp(world.idle, 1);
  size_t bytes = world.sizes[0];
  memcpy(data, world.messages[0], bytes);
  world.room += bytes;
  world.waiting--;
  memmove(world.sizes, world.sizes + 1, world.waiting * sizeof world.sizes[0]);
  memmove(world.messages, world.messages + 1, world.waiting * sizeof world.messages[0]);
  return bytes;
}

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack_depth, void *parameters,
                       UBaseType_t priority, TaskHandle_t *created) {
  (void)code, (void)name, (void)stack_depth, (void)parameters, (void)priority, (void)created;
  return pdPASS;
}

void vTaskDelay(TickType_t ticks) {
  (void)ticks;
}

void esp_log_stub(esp_log_level_t level, const char *about, const char *format, ...) {
  (void)level, (void)about, (void)format;
}

esp_err_t esp_crt_bundle_attach(void *conf) {
  (void)conf;
  return ESP_OK;
}

esp_websocket_client_handle_t esp_websocket_client_init(const esp_websocket_client_config_t *config) {
  snprintf(world.urls[world.dials++ % 8], sizeof world.urls[0], "%s", config->uri);
  return (esp_websocket_client_handle_t)&world;
}

esp_err_t esp_websocket_client_start(esp_websocket_client_handle_t it) {
  (void)it;
  return ESP_OK;
}

esp_err_t esp_websocket_client_destroy(esp_websocket_client_handle_t it) {
  (void)it;
  world.put_away++;
  void (*meanwhile)(void) = world.meanwhile;
  world.meanwhile = NULL;
  if (meanwhile) meanwhile();
  return ESP_OK;
}

static int take(int bytes) {
  world.sends++;
  return world.taken < 0 ? bytes : world.taken;
}

int esp_websocket_client_send_bin(esp_websocket_client_handle_t it, const char *data, int len, TickType_t timeout) {
  (void)it, (void)data, (void)timeout;
  return take(len);
}

int esp_websocket_client_send_text(esp_websocket_client_handle_t it, const char *data, int len, TickType_t timeout) {
  (void)it, (void)data, (void)timeout;
  return take(len);
}

esp_err_t esp_websocket_client_close(esp_websocket_client_handle_t it, TickType_t timeout) {
  (void)it, (void)timeout;
  world.closed++;
  return ESP_OK;
}

bool esp_websocket_client_is_connected(esp_websocket_client_handle_t it) {
  (void)it;
  return true;
}

esp_err_t esp_websocket_register_events(esp_websocket_client_handle_t it, esp_websocket_event_id_t event,
                                        esp_event_handler_t handler, void *context) {
  (void)it, (void)event;
  world.tell = handler;
  world.context = context;
  return ESP_OK;
}

size_t parley_received(parley *p, bool text, const uint8_t *bytes, size_t count, bool first, bool last) {
  (void)p, (void)text, (void)bytes, (void)first, (void)last;
  return count;
}

void parley_connected(parley *p) {
  (void)p;
}

void parley_disconnected(parley *p, uint16_t code) {
  (void)p, (void)code;
  world.disconnected++;
}

static void no_lock(void *self, bool locked) {
  (void)self, (void)locked;
}

/* Let the task do all that it was told. */
static void work(void) {
  if (!setjmp(world.idle)) run(NULL);
}

static const parley_net_port port = {.call = call, .send = send_message, .drop = drop};

static void begin(void) {
  memset(&world, 0, sizeof world);
  world.taken = -1;
  client = NULL;
  CHECK(net_websocket_start(NULL, no_lock) == ESP_OK);
  CHECK(port.call(NULL, "ws://a/v1/converse"));
  work();
  CHECK(world.dials == 1);
  world.tell(world.context, WEBSOCKET_EVENTS, WEBSOCKET_EVENT_CONNECTED, NULL);
}

/* What the network took a part of, or nothing, is lost: the core has to hear of it, once. */
static void a_message_that_is_not_sent_whole_ends_its_connection(void) {
  static const uint8_t words[100];
  for (int taken = 0; taken < 100; taken += 99) {
    begin();
    CHECK(port.send(NULL, false, words, sizeof words));
    work();
    CHECK(world.sends == 1 && world.disconnected == 0);
    world.taken = taken;
    CHECK(port.send(NULL, true, words, sizeof words));
    CHECK(port.send(NULL, false, words, sizeof words));
    work();
    CHECK(world.sends == 2);
    CHECK(world.disconnected == 1);
    CHECK(world.put_away == 1);
  }
}

static void give_up_and_call_c(void) {
  port.drop(NULL, false);
  port.call(NULL, "ws://c/v1/converse");
}

/* To put a client away takes as long as its dial: who waited behind it may have been given up meanwhile. */
static void a_stale_call_is_not_dialled(void) {
  begin();
  world.meanwhile = give_up_and_call_c;
  port.call(NULL, "ws://b/v1/converse");
  work();
  CHECK(world.dials == 2);
  CHECK(strcmp(world.urls[1], "ws://c/v1/converse") == 0);
}

static void a_drop_without_room_is_carried_out(void) {
  static const uint8_t sound[600];
  begin();
  while (put(DO_SEND_BINARY, sound, sizeof sound)) {
  }
  world.room = 0;
  port.drop(NULL, false);
  work();
  CHECK(world.put_away == 1);
  CHECK(world.sends == 0);
}

static void a_polite_end_sends_what_waits(void) {
  static const uint8_t words[10];
  begin();
  port.send(NULL, true, words, sizeof words);
  port.drop(NULL, true);
  work();
  CHECK(world.sends == 1);
  CHECK(world.closed == 1 && world.put_away == 1);
  CHECK(world.disconnected == 0);
}

int main(void) {
  a_message_that_is_not_sent_whole_ends_its_connection();
  a_stale_call_is_not_dialled();
  a_drop_without_room_is_carried_out();
  a_polite_end_sends_what_waits();
  return told("network");
}
