/* This program was built on a machine without OpenSSL's headers: it says so when it is asked for TLS. */
#include "tls.h"

static const char missing[] = "this program was built without TLS: install OpenSSL's headers (on Debian libssl-dev), "
                              "make it again, or use ws://";

bool tls_available(const char **why_not) {
    *why_not = missing;
  return false;
}

bool tls_trust(const char *ca_file, char reason[REASON_CHARS]) {
  (void)ca_file;
  (void)reason;
  return true;
}

bool tls_begin(stream *stream, const char *host) {
  (void)stream;
  (void)host;
  return false;
}

stream_state tls_progress(stream *stream) {
  (void)stream;
  return STREAM_FAILED;
}

long tls_read(stream *stream, uint8_t *bytes, size_t size) {
  (void)stream;
  (void)bytes;
  (void)size;
  return STREAM_LOST;
}

long tls_write(stream *stream, const uint8_t *bytes, size_t size) {
  (void)stream;
  (void)bytes;
  (void)size;
  return STREAM_LOST;
}

bool tls_holds_unread(const stream *stream) {
  (void)stream;
  return false;
}

void tls_end(stream *stream) {
  (void)stream;
}
