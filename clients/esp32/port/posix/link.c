#include "link_parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>

#define CLOSE_MS 1000
#define CODE_NORMAL 1000

void link_random(void *bytes, size_t size) {
  uint8_t *at = bytes;
  while (size) {
    ssize_t got = getrandom(at, size, 0);
    if (got <= 0) continue;
    at += got;
    size -= (size_t)got;
  }
}

static uint32_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

void link_init(net_link *link, int epoll) {
  memset(link, 0, sizeof *link);
  link->epoll = epoll;
  link->stream.fd = -1;
}

/* Tell epoll what is waited for: nothing is read while the core has no room. */
void link_watch(net_link *link) {
  if (link->state == LINK_NONE) return;
  uint32_t wanted = link->rest_size ? 0 : (uint32_t)EPOLLIN;
  bool has_more = link->state != LINK_DIALLING && link->out_size > link->out_at;
  if (link->stream.wants_write || has_more) wanted |= (uint32_t)EPOLLOUT;
  if (wanted == link->watched) return;
  struct epoll_event event = {.events = wanted, .data.ptr = link};
  epoll_ctl(link->epoll, EPOLL_CTL_MOD, link->stream.fd, &event);
  link->watched = wanted;
}

void link_watch_new(net_link *link) {
  link->watched = (uint32_t)EPOLLIN | (uint32_t)EPOLLOUT;
  struct epoll_event event = {.events = link->watched, .data.ptr = link};
  epoll_ctl(link->epoll, EPOLL_CTL_ADD, link->stream.fd, &event);
}

void link_put_away(net_link *link) {
  stream_close(&link->stream);
  link->state = LINK_NONE;
  link->generation++;
  link->rest_size = link->in_at = link->in_size = link->out_at = link->out_size = 0;
}

/* The connection is gone by no doing of the core's. */
void link_lose(net_link *link, const char *why) {
  bool is_told = link->state != LINK_CLOSING;
  uint16_t code = link->close_code;
  char words[sizeof link->url + REASON_CHARS + 4];
  snprintf(words, sizeof words, "%s: %s", link->url, why);
  link_put_away(link);
  if (!is_told) return;
  if (link->told) link->told(link->told_self, words);
  parley_disconnected(link->core, code);
}

/* Put a frame where the socket takes it from; false: there is no room, and nothing was put there. */
bool link_queue(net_link *link, ws_kind kind, const uint8_t *bytes, size_t size) {
  if (link->out_at == link->out_size) link->out_at = link->out_size = 0;
  if (LINK_OUT_BYTES - link->out_size < WS_HEAD_BYTES + size && link->out_at) {
    memmove(link->out, link->out + link->out_at, link->out_size - link->out_at);
    link->out_size -= link->out_at;
    link->out_at = 0;
  }
  if (LINK_OUT_BYTES - link->out_size < WS_HEAD_BYTES + size) return false;
  uint8_t mask[4];
  link_random(mask, sizeof mask);
  link->out_size += ws_write_head(link->out + link->out_size, kind, size, mask);
  ws_mask(link->out + link->out_size, bytes, size, 0, mask);
  link->out_size += size;
  return true;
}

/* Give the socket what it takes. False: the connection is lost, which is told elsewhere. */
bool link_write_out(net_link *link) {
  while (link->out_at < link->out_size) {
    long done = stream_write(&link->stream, link->out + link->out_at, link->out_size - link->out_at);
    if (done == STREAM_NOTHING) break;
    if (done <= 0) return false;
    link->out_at += (size_t)done;
    link->bytes_out += (uint64_t)done;
  }
  return true;
}

static void queue_close(net_link *link, uint16_t code) {
  uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code};
  link_queue(link, WS_CLOSE, bytes, sizeof bytes);
}

/* Say why, and go. What was not read is read first: a socket that is closed over it takes the last words back. */
void link_part(net_link *link, uint16_t code, const char *why) {
  queue_close(link, code);
  link_write_out(link);
  for (int i = 0; i < 16 && stream_read(&link->stream, link->in, LINK_IN_BYTES) > 0; i++) {
  }
  link_lose(link, why);
}

/* The port's three functions */

static bool call(void *self, const char *url) {
  net_link *link = self;
  if (link->state != LINK_NONE) link_put_away(link);
  ws_address address;
  char reason[REASON_CHARS];
  snprintf(link->url, sizeof link->url, "%s", url);
  link->close_code = 0;
  if (!address_parse(url, &address, reason)) {
    if (link->told) link->told(link->told_self, reason);
    return false;
  }
  if (!stream_connect(&link->stream, &address)) {
    char words[sizeof link->url + REASON_CHARS + 4];
    snprintf(words, sizeof words, "%s: %s", url, link->stream.reason);
    if (link->told) link->told(link->told_self, words);
    return false;
  }
  link_random(link->nonce, sizeof link->nonce);
  link->out_size = handshake_request((char *)link->out, LINK_OUT_BYTES, &address, link->nonce);
  ws_reader_init(&link->reader, link->message, LINK_MESSAGE_BYTES);
  link->state = LINK_DIALLING;
  link_watch_new(link);
  return true;
}

static bool send_message(void *self, bool is_text, const uint8_t *bytes, size_t count) {
  net_link *link = self;
  if (link->state != LINK_OPEN || !link_queue(link, is_text ? WS_TEXT : WS_BINARY, bytes, count)) return false;
  link_write_out(link); /* a connection that is lost is found out when it is read from */
  link_watch(link);
  return true;
}

static void drop(void *self, bool politely) {
  net_link *link = self;
  if (link->state == LINK_NONE || link->state == LINK_CLOSING) return;
  if (!politely || link->state != LINK_OPEN) {
    link_put_away(link);
    return;
  }
  queue_close(link, CODE_NORMAL);
  if (!link_write_out(link)) {
    link_put_away(link);
    return;
  }
  link->state = LINK_CLOSING;
  link->generation++;
  link->rest_size = 0;
  link->deadline_ms = now_ms() + CLOSE_MS;
  link_watch(link);
}

parley_net_port link_port(net_link *link) {
  return (parley_net_port){.self = link, .call = call, .send = send_message, .drop = drop};
}
