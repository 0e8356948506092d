/* The core's net port on sockets: one WebSocket at a time, driven by the loop's epoll. */
#ifndef PARLEY_POSIX_LINK_H
#define PARLEY_POSIX_LINK_H

#include "../../core/parley.h"
#include "stream.h"
#include "websocket.h"

#define LINK_MESSAGE_BYTES 65536 /* the longest message that is read */
#define LINK_OUT_BYTES 65536     /* what waits for the socket: two seconds of PCM16 at 16 kHz */
#define LINK_IN_BYTES 16384

typedef enum { LINK_NONE, LINK_DIALLING, LINK_SHAKING, LINK_OPEN, LINK_CLOSING } link_state;

typedef struct {
  parley *core;
  int epoll;
  link_state state;
  uint32_t generation; /* which connection this is: what belongs to an earlier one is not told to the core */
  stream stream;
  ws_reader reader;
  uint8_t nonce[NONCE_BYTES];
  char url[512];
  uint32_t deadline_ms; /* of LINK_CLOSING */
  uint16_t close_code;
  const uint8_t *rest; /* what the core had no room for */
  size_t rest_size;
  bool rest_is_text;
  uint32_t watched; /* what epoll waits for */
  size_t in_at, in_size, out_at, out_size;
  uint64_t bytes_in, bytes_out;
  void (*told)(void *self, const char *words); /* why a connection could not be made, for the person */
  void *told_self;
  uint8_t in[LINK_IN_BYTES];
  uint8_t out[LINK_OUT_BYTES];
  uint8_t message[LINK_MESSAGE_BYTES];
} net_link;

/* Make a link that is not connected; `epoll` is the loop's. */
void link_init(net_link *link, int epoll);

/* The port that the core is given. */
parley_net_port link_port(net_link *link);

/* The socket is ready: carry what can be carried, and tell the core. */
void link_ready(net_link *link);

/* After each tick: offer the core what it had no room for, and look at deadlines. */
void link_tick(net_link *link, uint32_t now_ms);

/* Random bytes that nobody can foresee. */
void link_random(void *bytes, size_t size);

#endif
