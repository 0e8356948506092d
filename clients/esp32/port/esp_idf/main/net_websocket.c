#include "net_websocket.h"

#include "esp_crt_bundle.h"
#include "esp_log.h"
#include "esp_websocket_client.h"
#include "freertos/FreeRTOS.h"
#include "freertos/message_buffer.h"
#include "freertos/task.h"

#include <stdatomic.h>
#include <string.h>

#define STACK_BYTES 4096
#define OUTBOX_BYTES 16384 /* half a second of PCM16 at 16 kHz; beyond it the core keeps what is said */
#define LARGEST_BYTES 4096
#define PIECE_BYTES 2048
#define CONNECT_MS 1500 /* it is put away no sooner than that, and the next call waits for it */
#define CONNECT_TLS_MS 4000
#define SEND_MS 2000
#define GOODBYE_MS 500
#define NO_ROOM_MS 20

enum { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8 };

typedef enum { DO_CALL, DO_DROP, DO_PART, DO_SEND_TEXT, DO_SEND_BINARY } errand_kind;

/* What the task is told to do. What belongs to a connection that was given up meanwhile is passed over. */
typedef struct {
  uint32_t connection;
  errand_kind kind;
  uint8_t bytes[LARGEST_BYTES];
} errand;

#define ERRAND_HEAD_BYTES offsetof(errand, bytes)

static const char *tag = "net";
static parley *the_core;
static void (*the_lock)(void *self, bool locked);
static MessageBufferHandle_t outbox;
static esp_websocket_client_handle_t client;
static uint32_t dialled; /* the connection that the client is of */
static atomic_uint connection; /* which one the core speaks of; what an earlier one says is not told to it */
static atomic_uint parting;    /* the one that is closed politely: what waits for it is still sent */
static uint16_t close_code;
static bool is_text;   /* of the message that is being received */
static bool has_ended; /* the present connection's end was told */

/* From the core, under its lock: never waits */

static bool put(errand_kind kind, const uint8_t *bytes, size_t count) {
  static errand next; /* one caller at a time: whoever holds the core's lock */
  if (count > LARGEST_BYTES) return false;
  next.connection = atomic_load(&connection);
  next.kind = kind;
  if (count) memcpy(next.bytes, bytes, count);
  return xMessageBufferSend(outbox, &next, ERRAND_HEAD_BYTES + count, 0) > 0;
}

static bool call(void *self, const char *url) {
  (void)self;
  atomic_fetch_add(&connection, 1);
  return put(DO_CALL, (const uint8_t *)url, strlen(url) + 1);
}

static bool send_message(void *self, bool text, const uint8_t *bytes, size_t count) {
  (void)self;
  return put(text ? DO_SEND_TEXT : DO_SEND_BINARY, bytes, count);
}

static void drop(void *self, bool politely) {
  (void)self;
  /* Politely: after what waits to be sent. Else that is passed over, since its connection is no more. */
  unsigned mine = atomic_load(&connection);
  bool is_parting = politely && put(DO_PART, NULL, 0);
  if (is_parting) atomic_store(&parting, mine);
  atomic_fetch_add(&connection, 1);
  if (!is_parting) put(DO_DROP, NULL, 0); /* no room: whatever stands there wakes the task as well */
}

parley_net_port net_websocket_port(void) {
  return (parley_net_port){.call = call, .send = send_message, .drop = drop};
}

/* From the client's task */

static void tell_end(uint32_t mine) {
  the_lock(NULL, true);
  if (mine == atomic_load(&connection) && !has_ended) {
    has_ended = true;
    parley_disconnected(the_core, close_code);
  }
  the_lock(NULL, false);
}

/* Hand a piece on. While the playout ring is full, nothing more is read: that is how the server is slowed down. */
static void tell_piece(uint32_t mine, const esp_websocket_event_data_t *data, bool first, bool last) {
  const uint8_t *bytes = (const uint8_t *)data->data_ptr;
  size_t left = (size_t)data->data_len;
  for (;;) {
    the_lock(NULL, true);
    bool is_mine = mine == atomic_load(&connection);
    size_t taken = is_mine ? parley_received(the_core, is_text, bytes, left, first, last) : left;
    the_lock(NULL, false);
    if (taken >= left) return;
    bytes += taken;
    left -= taken;
    first = false;
    vTaskDelay(pdMS_TO_TICKS(NO_ROOM_MS));
  }
}

static void received(uint32_t mine, const esp_websocket_event_data_t *data) {
  if (data->op_code == OP_CLOSE && data->data_len >= 2) {
    close_code = (uint16_t)((uint8_t)data->data_ptr[0] << 8 | (uint8_t)data->data_ptr[1]);
    return;
  }
  if (data->op_code > OP_BINARY) return; /* pings are answered by the client itself */
  bool begins = data->op_code != OP_CONTINUATION && data->payload_offset == 0;
  if (begins) is_text = data->op_code == OP_TEXT;
  tell_piece(mine, data, begins, data->fin && data->payload_offset + data->data_len >= data->payload_len);
}

static void happened(void *context, esp_event_base_t base, int32_t event, void *payload) {
  (void)base;
  uint32_t mine = (uint32_t)(uintptr_t)context;
  switch (event) {
  case WEBSOCKET_EVENT_CONNECTED:
    the_lock(NULL, true);
    if (mine == atomic_load(&connection)) parley_connected(the_core);
    the_lock(NULL, false);
    break;
  case WEBSOCKET_EVENT_DATA:
    received(mine, payload);
    break;
  case WEBSOCKET_EVENT_DISCONNECTED:
  case WEBSOCKET_EVENT_CLOSED:
  case WEBSOCKET_EVENT_FINISH: /* the task is over: also where no connection came about */
    tell_end(mine);
    break;
  default:
    break;
  }
}

/* The task that may wait */

static void put_away(bool politely) {
  if (!client) return;
  if (politely && esp_websocket_client_is_connected(client)) esp_websocket_client_close(client, pdMS_TO_TICKS(GOODBYE_MS));
  esp_websocket_client_destroy(client);
  client = NULL;
}

static void connect_to(uint32_t mine, const char *url) {
  put_away(false);
  if (mine != atomic_load(&connection)) return; /* that took so long that the core has given it up */
  dialled = mine;
  close_code = 0;
  has_ended = false;
  const esp_websocket_client_config_t config = {
      .uri = url,
      .subprotocol = "parley.v1",
      .disable_auto_reconnect = true, /* the core calls again: it knows what has to be said then */
      .disable_pingpong_discon = true, /* and it listens for signs of life */
      .task_stack = STACK_BYTES,
      .task_prio = 6,
      .buffer_size = PIECE_BYTES,
      .network_timeout_ms = strncmp(url, "wss:", 4) == 0 ? CONNECT_TLS_MS : CONNECT_MS,
      .crt_bundle_attach = esp_crt_bundle_attach,
  };
  client = esp_websocket_client_init(&config);
  void *context = (void *)(uintptr_t)mine;
  if (client && esp_websocket_register_events(client, WEBSOCKET_EVENT_ANY, happened, context) == ESP_OK &&
      esp_websocket_client_start(client) == ESP_OK)
    return;
  ESP_LOGW(tag, "%s can't be called: too little memory, or no such address", url);
  tell_end(mine);
}

/* What was not sent whole is lost, and the core believes it sent: that connection is over, so that it is said again. */
static void send_out(const errand *errand, int count) {
  if (!client || count <= 0) return;
  const char *bytes = (const char *)errand->bytes;
  TickType_t patience = pdMS_TO_TICKS(SEND_MS);
  int sent = errand->kind == DO_SEND_TEXT ? esp_websocket_client_send_text(client, bytes, count, patience)
                                          : esp_websocket_client_send_bin(client, bytes, count, patience);
  if (sent == count) return;
  ESP_LOGW(tag, "the network takes nothing more: the connection is given up");
  put_away(false);
  tell_end(errand->connection);
}

static void run(void *nothing) {
  (void)nothing;
  static errand next;
  for (;;) {
    size_t size = xMessageBufferReceive(outbox, &next, sizeof next, portMAX_DELAY);
    if (size < ERRAND_HEAD_BYTES) continue;
    bool is_present = next.connection == atomic_load(&connection);
    bool is_parting = next.connection == atomic_load(&parting);
    if (client && dialled != atomic_load(&connection) && dialled != atomic_load(&parting)) put_away(false);
    switch (next.kind) {
    case DO_CALL:
      if (is_present) connect_to(next.connection, (const char *)next.bytes);
      break;
    case DO_DROP: /* it is put away by now */
      break;
    case DO_PART:
      put_away(is_parting);
      break;
    default:
      if (is_present || is_parting) send_out(&next, (int)(size - ERRAND_HEAD_BYTES));
      break;
    }
  }
}

esp_err_t net_websocket_start(parley *core, void (*lock)(void *self, bool locked)) {
  the_core = core;
  the_lock = lock;
  outbox = xMessageBufferCreate(OUTBOX_BYTES);
  if (!outbox || xTaskCreate(run, "parley_net", STACK_BYTES, NULL, 7, NULL) != pdPASS) return ESP_ERR_NO_MEM;
  return ESP_OK;
}
