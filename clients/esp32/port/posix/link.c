#include "link.h"

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
static void watch(net_link *link) {
  if (link->state == LINK_NONE) return;
  uint32_t wanted = link->rest_size ? 0 : (uint32_t)EPOLLIN;
  bool has_more = link->state != LINK_DIALLING && link->out_size > link->out_at;
  if (link->stream.wants_write || has_more) wanted |= (uint32_t)EPOLLOUT;
  if (wanted == link->watched) return;
  struct epoll_event event = {.events = wanted, .data.ptr = link};
  epoll_ctl(link->epoll, EPOLL_CTL_MOD, link->stream.fd, &event);
  link->watched = wanted;
}

static void put_away(net_link *link) {
  stream_close(&link->stream);
  link->state = LINK_NONE;
  link->generation++;
  link->rest_size = link->in_at = link->in_size = link->out_at = link->out_size = 0;
}

/* The connection is gone by no doing of the core's. */
static void lose(net_link *link, const char *why) {
  bool is_told = link->state != LINK_CLOSING;
  uint16_t code = link->close_code;
  char words[sizeof link->url + REASON_CHARS + 4];
  snprintf(words, sizeof words, "%s: %s", link->url, why);
  put_away(link);
  if (!is_told) return;
  if (link->told) link->told(link->told_self, words);
  parley_disconnected(link->core, code);
}

/* Put a frame where the socket takes it from; false: there is no room, and nothing was put there. */
static bool queue(net_link *link, ws_kind kind, const uint8_t *bytes, size_t size) {
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
static bool write_out(net_link *link) {
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
  queue(link, WS_CLOSE, bytes, sizeof bytes);
}

/* Say why, and go. What was not read is read first: a socket that is closed over it takes the last words back. */
static void part(net_link *link, uint16_t code, const char *why) {
  queue_close(link, code);
  write_out(link);
  for (int i = 0; i < 16 && stream_read(&link->stream, link->in, LINK_IN_BYTES) > 0; i++) {
  }
  lose(link, why);
}

/* The port's three functions */

static bool call(void *self, const char *url) {
  net_link *link = self;
  if (link->state != LINK_NONE) put_away(link);
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
  link->watched = (uint32_t)EPOLLIN | (uint32_t)EPOLLOUT;
  struct epoll_event event = {.events = link->watched, .data.ptr = link};
  epoll_ctl(link->epoll, EPOLL_CTL_ADD, link->stream.fd, &event);
  return true;
}

static bool send_message(void *self, bool is_text, const uint8_t *bytes, size_t count) {
  net_link *link = self;
  if (link->state != LINK_OPEN || !queue(link, is_text ? WS_TEXT : WS_BINARY, bytes, count)) return false;
  write_out(link); /* a connection that is lost is found out when it is read from */
  watch(link);
  return true;
}

static void drop(void *self, bool politely) {
  net_link *link = self;
  if (link->state == LINK_NONE || link->state == LINK_CLOSING) return;
  if (!politely || link->state != LINK_OPEN) {
    put_away(link);
    return;
  }
  queue_close(link, CODE_NORMAL);
  if (!write_out(link)) {
    put_away(link);
    return;
  }
  link->state = LINK_CLOSING;
  link->generation++;
  link->rest_size = 0;
  link->deadline_ms = now_ms() + CLOSE_MS;
  watch(link);
}

parley_net_port link_port(net_link *link) {
  return (parley_net_port){.self = link, .call = call, .send = send_message, .drop = drop};
}

/* Reading */

/* Hand a message on; what the core has no room for waits. */
static void hand_over(net_link *link, bool is_text, const uint8_t *bytes, size_t size) {
  uint32_t generation = link->generation;
  size_t taken = parley_received(link->core, is_text, bytes, size, true, true);
  if (link->generation != generation || taken >= size) return;
  link->rest = bytes + taken;
  link->rest_size = size - taken;
  link->rest_is_text = is_text;
}

static void act_on(net_link *link, ws_event event) {
  switch (event.kind) {
  case WS_TEXT:
  case WS_BINARY:
    if (link->state == LINK_OPEN) hand_over(link, event.kind == WS_TEXT, event.data, event.size);
    break;
  case WS_PING:
    queue(link, WS_PONG, event.data, event.size);
    break;
  case WS_CLOSE:
    link->close_code = event.code == 1005 ? 0 : event.code; /* 1005: no code was given */
    part(link, CODE_NORMAL, "the server has closed");
    break;
  case WS_BROKEN:
    part(link, event.code, event.code == 1009 ? "a message was too large" : "it broke the rules of WebSocket");
    break;
  default:
    break;
  }
}

/* Read the handshake's answer, from what came. False: no more can be done just now. */
static bool shake(net_link *link, bool at_end) {
  ws_answer answer =
      handshake_answer((const char *)link->in + link->in_at, link->in_size - link->in_at, link->nonce, at_end);
  if (answer.kind == ANSWER_MORE) return false;
  if (answer.kind != ANSWER_OPEN) {
    lose(link, answer.reason);
    return false;
  }
  link->in_at += answer.used;
  link->state = LINK_OPEN;
  parley_connected(link->core);
  return true;
}

/* Make messages of what was read, as long as the core takes them. */
static void digest_input(net_link *link) {
  while (link->state != LINK_NONE && !link->rest_size && link->in_at < link->in_size) {
    if (link->state == LINK_SHAKING) {
      if (!shake(link, false)) break;
      continue;
    }
    uint32_t generation = link->generation;
    const uint8_t *bytes = link->in + link->in_at;
    size_t size = link->in_size - link->in_at;
    ws_event event = ws_read(&link->reader, &bytes, &size);
    link->in_at = link->in_size - size;
    if (event.kind != WS_MORE) act_on(link, event);
    if (link->generation != generation && link->state != LINK_CLOSING) break;
  }
  if (link->in_at == link->in_size) link->in_at = link->in_size = 0;
}

static void read_in(net_link *link) {
  while (link->state != LINK_NONE && !link->rest_size) {
    if (link->in_at && link->in_size == LINK_IN_BYTES) {
      memmove(link->in, link->in + link->in_at, link->in_size - link->in_at);
      link->in_size -= link->in_at;
      link->in_at = 0;
    }
    if (link->in_size == LINK_IN_BYTES) {
      lose(link, "what answers there does not speak WebSocket");
      return;
    }
    long got = stream_read(&link->stream, link->in + link->in_size, LINK_IN_BYTES - link->in_size);
    if (got == STREAM_NOTHING) return;
    if (got <= 0) {
      if (link->state == LINK_SHAKING && link->in_size) shake(link, true);
      if (link->state != LINK_NONE) lose(link, got == 0 ? "it broke off" : link->stream.reason);
      return;
    }
    link->in_size += (size_t)got;
    link->bytes_in += (uint64_t)got;
    digest_input(link);
  }
}

void link_ready(net_link *link) {
  if (link->state == LINK_NONE) return;
  if (link->state == LINK_DIALLING) {
    stream_state state = stream_progress(&link->stream);
    if (state == STREAM_FAILED) {
      lose(link, link->stream.reason);
      return;
    }
    if (state == STREAM_READY) link->state = LINK_SHAKING;
  }
  if (link->state != LINK_DIALLING) {
    read_in(link);
    if (link->state != LINK_NONE && !write_out(link)) lose(link, "it broke off");
  }
  watch(link);
}

void link_tick(net_link *link, uint32_t now) {
  if (link->state == LINK_CLOSING && (int32_t)(now - link->deadline_ms) >= 0) put_away(link);
  if (link->state != LINK_OPEN || !link->rest_size) return;
  uint32_t generation = link->generation;
  size_t taken = parley_received(link->core, link->rest_is_text, link->rest, link->rest_size, false, true);
  if (link->generation != generation) return;
  link->rest += taken;
  link->rest_size -= taken;
  if (!link->rest_size) {
    digest_input(link);
    if (link->state != LINK_NONE) link_ready(link);
  }
}
