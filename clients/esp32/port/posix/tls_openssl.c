/* TLS through OpenSSL: certificates are checked, and the name in them. */
#include "tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>

static SSL_CTX *context;

bool tls_available(const char **why_not) {
    *why_not = "";
  return true;
}

static bool has_context(void) {
  if (context) return true;
  context = SSL_CTX_new(TLS_client_method());
  if (!context) return false;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_verify_paths(context);
  return true;
}

bool tls_trust(const char *ca_file, char reason[REASON_CHARS]) {
  if (!ca_file) return true;
  if (has_context() && SSL_CTX_load_verify_locations(context, ca_file, NULL) == 1) return true;
  snprintf(reason, REASON_CHARS, "%.100s holds no certificate in PEM form that can be read.", ca_file);
  ERR_clear_error();
  return false;
}

/* Expect this host in the certificate: an address of IP stands there as one, and is never told beforehand. */
static bool expect(SSL *session, const char *host) {
  uint8_t bytes[16];
  if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1;
  return SSL_set1_host(session, host) == 1 && SSL_set_tlsext_host_name(session, host) == 1;
}

bool tls_begin(stream *stream, const char *host) {
  SSL *session = has_context() ? SSL_new(context) : NULL;
  if (!session || SSL_set_fd(session, stream->fd) != 1 || !expect(session, host)) {
    SSL_free(session);
    snprintf(stream->reason, sizeof stream->reason, "TLS can't be begun: too little memory");
    return false;
  }
  SSL_set_connect_state(session);
  stream->session = session;
  return true;
}

/* What it means that OpenSSL did not do it. */
static long why(stream *stream, int result) {
  int error = SSL_get_error(stream->session, result);
  stream->wants_write = error == SSL_ERROR_WANT_WRITE;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return STREAM_NOTHING;
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  long verdict = SSL_get_verify_result(stream->session);
  if (verdict != X509_V_OK) {
    snprintf(stream->reason, sizeof stream->reason, "its certificate is not trusted: %s",
                 X509_verify_cert_error_string(verdict));
  } else {
    snprintf(stream->reason, sizeof stream->reason, "TLS broke off");
  }
  ERR_clear_error();
  return STREAM_LOST;
}

stream_state tls_progress(stream *stream) {
  ERR_clear_error();
  int result = SSL_do_handshake(stream->session);
  if (result == 1) {
    stream->wants_write = false;
    return STREAM_READY;
  }
  return why(stream, result) == STREAM_NOTHING ? STREAM_WAIT : STREAM_FAILED;
}

long tls_read(stream *stream, uint8_t *bytes, size_t size) {
  ERR_clear_error();
  size_t done = 0;
  int result = SSL_read_ex(stream->session, bytes, size, &done);
  return result == 1 ? (long)done : why(stream, result);
}

long tls_write(stream *stream, const uint8_t *bytes, size_t size) {
  ERR_clear_error();
  size_t done = 0;
  int result = SSL_write_ex(stream->session, bytes, size, &done);
  return result == 1 ? (long)done : why(stream, result);
}

bool tls_holds_unread(const stream *stream) {
  return SSL_pending(stream->session) > 0;
}

void tls_end(stream *stream) {
  SSL_free(stream->session);
}
