/* How a WebSocket begins (RFC 6455, 4): a request of HTTP, and what the server answers, without I/O. */
#ifndef PARLEY_POSIX_HANDSHAKE_H
#define PARLEY_POSIX_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NONCE_BYTES 16
#define HANDSHAKE_BYTES 8192 /* the longest answer that is read; a longer one is no WebSocket's */
#define REASON_CHARS 160

typedef struct {
  bool tls;
  char host[256];
  char path[256];
  uint16_t port;
} ws_address;

typedef enum {
  ANSWER_MORE,    /* the head is not whole yet */
  ANSWER_OPEN,    /* it is a WebSocket now; `used` bytes were the answer's, the rest are frames */
  ANSWER_REFUSED, /* Parley's door, but not now or not for us: 403, 503 */
  ANSWER_FOREIGN, /* something else answers there */
} answer_kind;

typedef struct {
  answer_kind kind;
  size_t used;
  int status;
  char reason[REASON_CHARS]; /* for a person, when it was not opened */
} ws_answer;

/* Take apart ws://HOST[:PORT][/PATH] or wss://…; the path may be left out. False: `reason` says what is wrong. */
bool address_parse(const char *url, ws_address *address, char reason[REASON_CHARS]);

/* Write the request into `out`; returns its length, 0 if it does not fit. */
size_t handshake_request(char *out, size_t capacity, const ws_address *address, const uint8_t nonce[NONCE_BYTES]);

/* Read what has come so far. `at_end`: the server has closed, so no more will come. */
ws_answer handshake_answer(const char *bytes, size_t size, const uint8_t nonce[NONCE_BYTES], bool at_end);

#endif
