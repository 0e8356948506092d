/* A connection of bytes that never blocks: TCP, and TLS over it where this program was built with OpenSSL. */
#ifndef PARLEY_POSIX_STREAM_H
#define PARLEY_POSIX_STREAM_H

#include "handshake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { STREAM_WAIT, STREAM_READY, STREAM_FAILED } stream_state;

#define STREAM_NOTHING (-1) /* nothing can be read or written just now */
#define STREAM_LOST (-2)    /* the connection is no more; `reason` says why */

typedef struct {
  int fd; /* -1: none */
  bool tls;
  bool connected;
  struct place *place; /* where the host is */
  size_t address;      /* which of its addresses is called */
  size_t tries;        /* how many of them were */
  bool wants_write; /* whoever waits for it must wait until it can be written to, too */
  void *session;    /* TLS's own */
  char reason[REASON_CHARS];
} stream;

/* Whether wss:// can be called, and what to do if not. */
bool stream_has_tls(const char **why_not);

/* Say whose signature under a server's certificate is believed: a file of PEM; NULL: whom this machine trusts.
 * False: `reason` says what is wrong with the file. Once, before the first call. */
bool stream_trust(const char *ca_file, char reason[REASON_CHARS]);

/* Begin to connect. False: it failed at once. A host's name is looked up on the spot, the first time it is called. Of a
 * host with several addresses the one is tried that was good last; where that failed, or nobody answered, the next. */
bool stream_connect(stream *stream, const ws_address *address);

/* It has failed to connect: begin with the host's next address. False: there is no other. */
bool stream_connect_next(stream *stream);

/* Go on with connecting, when the socket says it is ready. */
stream_state stream_progress(stream *stream);

/* Read or write what can be without waiting: how many bytes, 0 when the server has closed, or one of the two above. */
long stream_read(stream *stream, uint8_t *bytes, size_t size);
long stream_write(stream *stream, const uint8_t *bytes, size_t size);

/* Whether something was read from the socket that poll can't see any more. */
bool stream_holds_unread(const stream *stream);

/* Put the connection away, whatever state it is in. */
void stream_close(stream *stream);

#endif
