/* WebSocket (RFC 6455), the client's half, without I/O: bytes in, messages out; messages in, bytes out.
 *
 * What is read is bounded: a message by the buffer that it is put together in, a control frame by the 125 bytes that
 * the RFC allows. A server that breaks the rules is left (WS_BROKEN), with the close code that says why. */
#ifndef PARLEY_POSIX_WEBSOCKET_H
#define PARLEY_POSIX_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_CONTROL_BYTES 125
#define WS_HEAD_BYTES 14 /* the longest head that a client writes: 2, 8 of length, 4 of mask */

typedef enum {
  WS_MORE,   /* nothing whole yet */
  WS_TEXT,   /* a whole message of text, UTF-8 not checked: the core does that */
  WS_BINARY, /* a whole message of bytes */
  WS_PING,   /* to be answered by a pong with the same bytes */
  WS_PONG,   /* the answer to a ping, or a sign of life */
  WS_CLOSE,  /* the server closes: `code` and the reason in `data`, not closed by a 0 */
  WS_BROKEN, /* the server broke the rules: `code` is what to close with */
} ws_kind;

typedef struct {
  ws_kind kind;
  const uint8_t *data; /* in the reader's buffers: good until the next call */
  size_t size;
  uint16_t code;
} ws_event;

typedef struct {
  uint8_t *message; /* what is put together; the caller's */
  size_t capacity;
  size_t message_size;
  uint8_t message_opcode; /* 0: none begun */
  uint8_t head[WS_HEAD_BYTES];
  size_t head_size;
  size_t head_wanted;
  uint8_t opcode;
  bool fin;
  bool in_payload;
  bool broken;
  uint64_t payload_left;
  uint8_t control[WS_CONTROL_BYTES];
  size_t control_size;
} ws_reader;

/* Begin to read a connection; `message` must outlive the reader. */
void ws_reader_init(ws_reader *reader, uint8_t *message, size_t capacity);

/* Take from `*bytes` until one event is whole or all is taken; moves `*bytes` and `*size` on. */
ws_event ws_read(ws_reader *reader, const uint8_t **bytes, size_t *size);

/* Write a frame's head into `out`; returns its size. `mask` is 4 bytes nobody can foresee. The kinds are those that
 * can be sent: WS_TEXT, WS_BINARY, WS_PING, WS_PONG, WS_CLOSE. */
size_t ws_write_head(uint8_t out[WS_HEAD_BYTES], ws_kind kind, size_t size, const uint8_t mask[4]);

/* Copy `size` bytes of payload, masked; `at` is where in the payload they stand. */
void ws_mask(uint8_t *out, const uint8_t *in, size_t size, size_t at, const uint8_t mask[4]);

#endif
