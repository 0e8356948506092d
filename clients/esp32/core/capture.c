/* The microphone's frames: stamped, encoded, kept. */
#include <string.h>

#include "mulaw.h"
#include "session.h"

/* What a muted microphone says, 20 ms of it at 48 kHz. */
static const int16_t silence[48 * PARLEY_FRAME_MS];

static uint32_t encode(parley *p, const int16_t *microphone, uint8_t *bytes) {
  uint32_t count = p->mic_frame_samples;
  if (p->is_muted) microphone = silence;
  switch (p->config.input.encoding) {
    case PARLEY_MULAW:
      for (uint32_t i = 0; i < count; i++) bytes[i] = mulaw_of(microphone[i]);
      return count;
    case PARLEY_OPUS:
      return (uint32_t)p->ports.opus.encode(p->ports.opus.self, microphone, count, bytes, OPUS_FRAME_BYTES);
    case PARLEY_PCM16:
      break;
  }
  for (uint32_t i = 0; i < count; i++) {
    uint16_t sample = (uint16_t)microphone[i];
    bytes[2 * i] = (uint8_t)sample;
    bytes[2 * i + 1] = (uint8_t)(sample >> 8);
  }
  return 2 * count;
}

static bool is_captured(const parley *p) {
  if (p->is_hanging_up) return false;
  if (p->state == PARLEY_CONNECTING) return p->link == LINK_OPENING && p->is_open_sent;
  return p->state == PARLEY_CONVERSATION || p->state == PARLEY_RESUMING;
}

void capture_frame(parley *p, const int16_t *microphone) {
  if (!is_captured(p)) return;
  uint32_t in_air = p->input_latency * p->speaker_frame_samples / p->mic_frame_samples;
  playhead head = playout_audible(&p->playout, (int64_t)p->speaker_frame_samples + in_air);
  mic_header header = {p->mic_offset, head, false};
  mic_frame *frame = line_frame(&p->line);
  frame->mic_offset = p->mic_offset;
  frame->samples = p->mic_frame_samples;
  p->mic_offset += p->mic_frame_samples;
  write_mic_header(frame->wire, &header);
  uint32_t bytes = encode(p, microphone, frame->wire + MIC_HEADER_BYTES);
  frame->bytes = MIC_HEADER_BYTES + bytes;
  if (!bytes) { /* the encoder failed: a hole keeps its time */
    p->line.count--;
    p->line.unsent--;
    p->counters.lost_mic_frames++;
  }
}
