#include "stream.h"

#include "tls.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KNOWN_PLACES 16
#define KNOWN_ADDRESSES 8 /* of a host */

/* Where hosts are, by name: a look-up blocks, so each is looked up once. */
typedef struct place {
  char host[256];
  uint16_t port;
  struct {
    struct sockaddr_storage where;
    socklen_t size;
  } addresses[KNOWN_ADDRESSES];
  size_t count;
  size_t first; /* the one to be tried first */
} place;

static place places[KNOWN_PLACES];
static size_t places_known;

static place *look_up(const ws_address *address, char reason[REASON_CHARS]) {
  for (size_t i = 0; i < places_known; i++)
    if (places[i].port == address->port && strcmp(places[i].host, address->host) == 0) return &places[i];
  if (places_known == KNOWN_PLACES) {
    snprintf(reason, REASON_CHARS, "%d hosts are the most", KNOWN_PLACES);
    return NULL;
  }
  char port[8];
  snprintf(port, sizeof port, "%u", address->port);
  struct addrinfo wish = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  if (getaddrinfo(address->host, port, &wish, &found) != 0 || !found) {
    snprintf(reason, REASON_CHARS, "there is no host %.100s", address->host);
    return NULL;
  }
  place *here = &places[places_known++];
  memcpy(here->host, address->host, sizeof here->host);
  here->port = address->port;
  for (const struct addrinfo *one = found; one && here->count < KNOWN_ADDRESSES; one = one->ai_next) {
    memcpy(&here->addresses[here->count].where, one->ai_addr, one->ai_addrlen);
    here->addresses[here->count++].size = one->ai_addrlen;
  }
  freeaddrinfo(found);
  return here;
}

bool stream_has_tls(const char **why_not) {
  return tls_available(why_not);
}

bool stream_trust(const char *ca_file, char reason[REASON_CHARS]) {
  return tls_trust(ca_file, reason);
}

static void failed(stream *stream, int error) {
  const char *words = error == ECONNREFUSED ? "connection refused" : strerror(error);
  snprintf(stream->reason, sizeof stream->reason, "%s", words);
}

/* The address that is called leads nowhere: the next one's turn has come. */
static void pass_over(stream *stream) {
  place *there = stream->place;
  size_t next = (stream->address + 1) % there->count;
  if (there->first == stream->address) there->first = next;
  stream->address = next;
}

static bool dial(stream *stream) {
  const place *there = stream->place;
  const struct sockaddr_storage *where = &there->addresses[stream->address].where;
  stream->fd = socket(where->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (stream->fd < 0) {
    failed(stream, errno);
    return false;
  }
  int on = 1; /* audio in small frames: none waits for the next */
  setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  stream->wants_write = true;
  if (connect(stream->fd, (const struct sockaddr *)where, there->addresses[stream->address].size) == 0 ||
      errno == EINPROGRESS)
    return true;
  failed(stream, errno);
  close(stream->fd);
  stream->fd = -1;
  return false;
}

bool stream_connect(stream *stream, const ws_address *address) {
  memset(stream, 0, sizeof *stream);
  stream->fd = -1;
  stream->tls = address->tls;
  const char *why_not = "";
  if (address->tls && !stream_has_tls(&why_not)) {
    snprintf(stream->reason, sizeof stream->reason, "%s", why_not);
    return false;
  }
  stream->place = look_up(address, stream->reason);
  if (!stream->place) return false;
  stream->address = stream->place->first;
  return stream_connect_next(stream);
}

bool stream_connect_next(stream *stream) {
  stream_close(stream);
  while (stream->tries < stream->place->count) {
    stream->tries++;
    if (dial(stream)) {
      if (!stream->tls || tls_begin(stream, stream->place->host)) return true;
      stream_close(stream);
      return false;
    }
    pass_over(stream);
  }
  return false;
}

stream_state stream_progress(stream *stream) {
  if (!stream->connected) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error) {
      failed(stream, error);
      return STREAM_FAILED;
    }
    struct sockaddr_storage peer;
    size = sizeof peer;
    if (getpeername(stream->fd, (struct sockaddr *)&peer, &size) != 0) return STREAM_WAIT;
    stream->connected = true;
    stream->wants_write = false;
  }
  return stream->tls ? tls_progress(stream) : STREAM_READY;
}

static long outcome(stream *stream, ssize_t result) {
  if (result >= 0) return (long)result;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return STREAM_NOTHING;
  failed(stream, errno);
  return STREAM_LOST;
}

long stream_read(stream *stream, uint8_t *bytes, size_t size) {
  if (stream->tls) return tls_read(stream, bytes, size);
  return outcome(stream, recv(stream->fd, bytes, size, 0));
}

long stream_write(stream *stream, const uint8_t *bytes, size_t size) {
  if (stream->tls) return tls_write(stream, bytes, size);
  return outcome(stream, send(stream->fd, bytes, size, MSG_NOSIGNAL));
}

bool stream_holds_unread(const stream *stream) {
  return stream->tls && stream->session && tls_holds_unread(stream);
}

void stream_close(stream *stream) {
  if (stream->fd >= 0 && !stream->connected) pass_over(stream); /* it was refused, or given up */
  if (stream->session) tls_end(stream);
  stream->session = NULL;
  if (stream->fd >= 0) close(stream->fd);
  stream->fd = -1;
  stream->connected = false;
}
