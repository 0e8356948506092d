/* The link's other half: what comes, and whom it is told. */
#include "link_parts.h"

#include <string.h>

#define CODE_NORMAL 1000

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
  if (link->state == LINK_CLOSING) { /* our close frame is out, so nothing may follow it: the server's own is awaited */
    if (event.kind == WS_CLOSE || event.kind == WS_BROKEN) link_put_away(link);
    return;
  }
  switch (event.kind) {
  case WS_TEXT:
  case WS_BINARY:
    hand_over(link, event.kind == WS_TEXT, event.data, event.size);
    break;
  case WS_PING:
    link_queue(link, WS_PONG, event.data, event.size);
    break;
  case WS_CLOSE:
    link->close_code = event.code == 1005 ? 0 : event.code; /* 1005: no code was given */
    link_part(link, CODE_NORMAL, "the server has closed");
    break;
  case WS_BROKEN:
    link_part(link, event.code, event.code == 1009 ? "a message was too large" : "it broke the rules of WebSocket");
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
    link_lose(link, answer.reason);
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
      link_lose(link, "what answers there does not speak WebSocket");
      return;
    }
    long got = stream_read(&link->stream, link->in + link->in_size, LINK_IN_BYTES - link->in_size);
    if (got == STREAM_NOTHING) return;
    if (got <= 0) {
      if (link->state == LINK_SHAKING && link->in_size) shake(link, true);
      if (link->state != LINK_NONE) link_lose(link, got == 0 ? "it broke off" : link->stream.reason);
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
      if (link->stream.connected || !stream_connect_next(&link->stream)) {
        link_lose(link, link->stream.reason);
        return;
      }
      link_watch_new(link);
    }
    if (state == STREAM_READY) link->state = LINK_SHAKING;
  }
  if (link->state != LINK_DIALLING) {
    read_in(link);
    if (link->state != LINK_NONE && !link_write_out(link)) link_lose(link, "it broke off");
  }
  link_watch(link);
}

void link_tick(net_link *link, uint32_t now) {
  if (link->state == LINK_CLOSING && (int32_t)(now - link->deadline_ms) >= 0) link_put_away(link);
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
