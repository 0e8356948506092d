/* What the WebSocket brings, in pieces as they come. */
#include <string.h>

#include "mulaw.h"
#include "session.h"

enum { AT_ONCE = 64 }; /* samples that are decoded at a time, on the stack */

static void unreadable(parley *p) {
  p->counters.unreadable++;
  p->is_ignored = true;
  end_session(p, true, "The server said something that is no message of Parley: check its address, or update this device.");
}

static void piece_begins(parley *p) {
  playhead piece;
  if (!read_reply_header(p->header, &piece)) {
    unreadable(p);
    return;
  }
  playout_piece(&p->playout, piece);
  p->has_half = false;
  p->packet_bytes = 0;
}

/* Take samples; returns how many bytes of them were used, none where there is no room. */
static size_t take_pcm(parley *p, const uint8_t *bytes, size_t count) {
  int16_t samples[AT_ONCE];
  size_t used = 0;
  while (used < count) {
    uint32_t n = 0;
    size_t at = used;
    bool had_half = p->has_half;
    uint8_t half = p->half;
    while (at < count && n < AT_ONCE) {
      if (had_half) samples[n++] = (int16_t)(uint16_t)(half | bytes[at] << 8);
      half = bytes[at++];
      had_half = !had_half;
    }
    uint32_t taken = playout_samples(&p->playout, samples, n);
    if (taken < n) { /* the ring is full: go back to the first byte of the sample that did not fit */
      if (!taken && p->has_half) return used;
      used += 2 * (size_t)taken - (p->has_half ? 1 : 0);
      p->has_half = false;
      return used;
    }
    p->has_half = had_half;
    p->half = half;
    used = at;
  }
  return used;
}

static size_t take_mulaw(parley *p, const uint8_t *bytes, size_t count) {
  int16_t samples[AT_ONCE];
  size_t used = 0;
  while (used < count) {
    uint32_t n = 0;
    for (; n < AT_ONCE && used + n < count; n++) samples[n] = sample_of_mulaw(bytes[used + n]);
    uint32_t taken = playout_samples(&p->playout, samples, n);
    used += taken;
    if (taken < n) break;
  }
  return used;
}

/* A packet is decoded when it is whole and the ring has room for all of it. */
static size_t take_opus(parley *p, const uint8_t *bytes, size_t count, bool last) {
  uint32_t largest = p->config.output.rate_hz * 120 / 1000;
  if (last && playout_room(&p->playout) < largest) return 0;
  size_t n = count < OPUS_PACKET_BYTES - p->packet_bytes ? count : OPUS_PACKET_BYTES - p->packet_bytes;
  memcpy(p->packet + p->packet_bytes, bytes, n);
  p->packet_bytes += (uint32_t)n;
  if (!last || !p->packet_bytes) return count;
  if (p->playout.piece.position == 0 && p->ports.opus.reset) p->ports.opus.reset(p->ports.opus.self);
  size_t samples = p->ports.opus.decode(p->ports.opus.self, p->packet, p->packet_bytes, p->decoded, largest);
  playout_samples(&p->playout, p->decoded, (uint32_t)(samples < largest ? samples : largest));
  return count;
}

static size_t take_audio(parley *p, const uint8_t *bytes, size_t count, bool last) {
  size_t used = 0;
  while (used < count && p->header_count < REPLY_HEADER_BYTES) p->header[p->header_count++] = bytes[used++];
  if (p->header_count < REPLY_HEADER_BYTES) {
    if (last) unreadable(p);
    return count;
  }
  if (used && used <= count && p->header_count == REPLY_HEADER_BYTES) piece_begins(p);
  if (p->is_ignored) return count;
  const uint8_t *body = bytes + used;
  size_t body_bytes = count - used;
  switch (p->config.output.encoding) {
    case PARLEY_MULAW:
      used += take_mulaw(p, body, body_bytes);
      break;
    case PARLEY_OPUS:
      used += take_opus(p, body, body_bytes, last);
      break;
    case PARLEY_PCM16:
      used += take_pcm(p, body, body_bytes);
      break;
  }
  note_received(p, p->playout.piece);
  return used;
}

static void take_text(parley *p, const uint8_t *bytes, size_t count, bool last) {
  if (!message_feed(&p->reader, bytes, count)) {
    unreadable(p);
  } else if (last) {
    const message *got = message_end(&p->reader);
    if (got) {
      act(p, got);
    } else {
      unreadable(p);
    }
  }
}

size_t parley_received(parley *p, bool is_text, const uint8_t *bytes, size_t count, bool first, bool last) {
  p->now_ms = p->ports.time.now_ms(p->ports.time.self);
  if (p->link < LINK_OPENING) return count; /* it was given up, and what it says now is no use */
  p->quiet_ms = 0;
  if (first) {
    p->is_text = is_text;
    p->is_ignored = false;
    p->header_count = 0;
    if (is_text) message_begin(&p->reader);
  }
  if (p->is_ignored) return count;
  if (p->is_text) {
    take_text(p, bytes, count, last);
    return count;
  }
  size_t used = take_audio(p, bytes, count, last);
  if (used < count) p->counters.held_back++;
  return used;
}
