/* TLS over a socket that is connected, without blocking: tls_openssl.c where its headers were found, else tls_none.c. */
#ifndef PARLEY_POSIX_TLS_H
#define PARLEY_POSIX_TLS_H

#include "stream.h"

bool tls_available(const char **why_not);
bool tls_trust(const char *ca_file, char reason[REASON_CHARS]);
bool tls_begin(stream *stream, const char *host);
stream_state tls_progress(stream *stream);
long tls_read(stream *stream, uint8_t *bytes, size_t size);
long tls_write(stream *stream, const uint8_t *bytes, size_t size);
bool tls_holds_unread(const stream *stream);
void tls_end(stream *stream);

#endif
