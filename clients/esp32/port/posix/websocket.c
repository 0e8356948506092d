#include "websocket.h"

#include <string.h>

enum { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum { CODE_PROTOCOL = 1002, CODE_TOO_BIG = 1009, CODE_NONE = 1005 };

#define FIN 0x80u
#define RESERVED 0x70u
#define MASKED 0x80u
#define LENGTH 0x7fu
#define LENGTH_16 126u
#define LENGTH_64 127u

void ws_reader_init(ws_reader *reader, uint8_t *message, size_t capacity) {
  memset(reader, 0, sizeof *reader);
  reader->message = message;
  reader->capacity = capacity;
  reader->head_wanted = 2;
}

static ws_event broken(ws_reader *reader, uint16_t code) {
  reader->broken = true;
  return (ws_event){.kind = WS_BROKEN, .code = code};
}

static bool is_control(uint8_t opcode) {
  return opcode >= OP_CLOSE;
}

/* Read the two bytes that every frame begins with: how long is the head, and is it one that may come now? */
static bool begin_head(ws_reader *reader) {
  uint8_t first = reader->head[0], second = reader->head[1];
  reader->fin = (first & FIN) != 0;
  reader->opcode = first & 0x0f;
  if ((first & RESERVED) || (second & MASKED)) return false; /* no extensions; a server does not mask */
  size_t length = second & LENGTH;
  reader->head_wanted = length == LENGTH_16 ? 4 : length == LENGTH_64 ? 10 : 2;
  switch (reader->opcode) {
  case OP_CONTINUATION:
    return reader->message_opcode != 0;
  case OP_TEXT:
  case OP_BINARY:
    return reader->message_opcode == 0;
  case OP_CLOSE:
  case OP_PING:
  case OP_PONG:
    return reader->fin && length <= WS_CONTROL_BYTES;
  default:
    return false;
  }
}

static uint64_t length_of(const ws_reader *reader) {
  if (reader->head_wanted == 2) return reader->head[1] & LENGTH;
  uint64_t length = 0;
  for (size_t i = 2; i < reader->head_wanted; i++) length = length << 8 | reader->head[i];
  return length;
}

/* Take the bytes of a frame's head. Returns a close code when the frame may not be, else 0. */
static uint16_t take_head(ws_reader *reader, const uint8_t **bytes, size_t *size) {
  while (*size && reader->head_size < reader->head_wanted) {
    reader->head[reader->head_size++] = *(*bytes)++;
    --*size;
    if (reader->head_size == 2 && !begin_head(reader)) return CODE_PROTOCOL;
  }
  if (reader->head_size < reader->head_wanted) return 0;
  uint64_t length = length_of(reader);
  if (!is_control(reader->opcode)) {
    if (length > reader->capacity - reader->message_size) return CODE_TOO_BIG;
    if (reader->opcode != OP_CONTINUATION) reader->message_opcode = reader->opcode;
  }
  reader->control_size = 0;
  reader->payload_left = length;
  reader->in_payload = true;
  return 0;
}

static void take_payload(ws_reader *reader, const uint8_t **bytes, size_t *size) {
  size_t here = reader->payload_left < *size ? (size_t)reader->payload_left : *size;
  bool control = is_control(reader->opcode);
  uint8_t *to = control ? reader->control + reader->control_size : reader->message + reader->message_size;
  if (here) memcpy(to, *bytes, here);
    *(control ? &reader->control_size : &reader->message_size) += here;
    *bytes += here;
    *size -= here;
  reader->payload_left -= here;
}

/* Whether a code may stand in a close frame (RFC 6455, 7.4). */
static bool may_close_with(uint16_t code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static ws_event closed(ws_reader *reader) {
  if (reader->control_size == 0) return (ws_event){.kind = WS_CLOSE, .code = CODE_NONE};
  if (reader->control_size == 1) return broken(reader, CODE_PROTOCOL);
  uint16_t code = (uint16_t)(reader->control[0] << 8 | reader->control[1]);
  if (!may_close_with(code)) return broken(reader, CODE_PROTOCOL);
  return (ws_event){WS_CLOSE, reader->control + 2, reader->control_size - 2, code};
}

/* A frame is whole: tell what it was, if it makes something whole. */
static ws_event frame_ended(ws_reader *reader) {
  reader->in_payload = false;
  reader->head_size = 0;
  reader->head_wanted = 2;
  switch (reader->opcode) {
  case OP_CLOSE:
    return closed(reader);
  case OP_PING:
    return (ws_event){WS_PING, reader->control, reader->control_size, 0};
  case OP_PONG:
    return (ws_event){WS_PONG, reader->control, reader->control_size, 0};
  default:
    break;
  }
  if (!reader->fin) return (ws_event){.kind = WS_MORE};
  ws_kind kind = reader->message_opcode == OP_TEXT ? WS_TEXT : WS_BINARY;
  ws_event event = {kind, reader->message, reader->message_size, 0};
  reader->message_opcode = 0;
  reader->message_size = 0;
  return event;
}

ws_event ws_read(ws_reader *reader, const uint8_t **bytes, size_t *size) {
  if (reader->broken) return (ws_event){.kind = WS_BROKEN, .code = CODE_PROTOCOL};
  for (;;) {
    if (!reader->in_payload) {
      uint16_t wrong = take_head(reader, bytes, size);
      if (wrong) return broken(reader, wrong);
      if (!reader->in_payload) return (ws_event){.kind = WS_MORE};
    }
    take_payload(reader, bytes, size);
    if (reader->payload_left) return (ws_event){.kind = WS_MORE};
    ws_event event = frame_ended(reader);
    if (event.kind != WS_MORE) return event;
  }
}

size_t ws_write_head(uint8_t out[WS_HEAD_BYTES], ws_kind kind, size_t size, const uint8_t mask[4]) {
  uint8_t opcode = kind == WS_TEXT     ? OP_TEXT
                     : kind == WS_BINARY ? OP_BINARY
                     : kind == WS_PING   ? OP_PING
                     : kind == WS_PONG   ? OP_PONG
                                         : OP_CLOSE;
  size_t at = 2;
  out[0] = (uint8_t)(FIN | opcode);
  if (size < LENGTH_16) {
    out[1] = (uint8_t)(MASKED | size);
  } else if (size <= UINT16_MAX) {
    out[1] = (uint8_t)(MASKED | LENGTH_16);
    out[at++] = (uint8_t)(size >> 8);
    out[at++] = (uint8_t)size;
  } else {
    out[1] = (uint8_t)(MASKED | LENGTH_64);
    for (int shift = 56; shift >= 0; shift -= 8) out[at++] = (uint8_t)((uint64_t)size >> shift);
  }
  memcpy(out + at, mask, 4);
  return at + 4;
}

void ws_mask(uint8_t *out, const uint8_t *in, size_t size, size_t at, const uint8_t mask[4]) {
  for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(in[i] ^ mask[(at + i) & 3]);
}
