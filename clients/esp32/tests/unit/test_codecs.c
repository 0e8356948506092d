/* Frames and mu-law. */
#include "../server_frames.h"
#include "../../core/mulaw.h"
#include "check.h"

void test_codecs(void) {
  /* The example of docs/protocol.md, byte for byte. */
  static const uint8_t example[MIC_HEADER_BYTES] = {1, 0, 0, 0, 1, 0, 0, 0, 0x80, 0x0c, 0, 0, 0, 0, 0, 0, 0x60, 0x09};
  uint8_t bytes[MIC_HEADER_BYTES];
  mic_header header = {3200, {1, 2400}, false}, back;
  write_mic_header(bytes, &header);
  CHECK(!memcmp(bytes, example, sizeof example));
  CHECK(read_mic_header(bytes, &back) && back.mic_offset == 3200 && back.head.reply == 1 && back.head.position == 2400);
  bytes[1] = 2; /* a reserved flag */
  CHECK(!read_mic_header(bytes, &back));

  uint8_t reply[REPLY_HEADER_BYTES];
  playhead piece = {0xfffffffe, 0x0123456789abcdef}, got;
  write_reply_header(reply, &piece);
  CHECK(read_reply_header(reply, &got) && got.reply == piece.reply && got.position == piece.position);
  reply[3] = 1;
  CHECK(!read_reply_header(reply, &got));

  /* G.711: every code comes back as itself (0x7f is the other zero), and no sample is further off than its step. */
  for (int code = 0; code < 256; code++) {
    if (code != 0x7f) CHECK_NUMBER(mulaw_of(sample_of_mulaw((uint8_t)code)), code);
  }
  int worst = 0;
  for (int sample = -32768; sample < 32768; sample += 7) {
    int off = sample_of_mulaw(mulaw_of((int16_t)sample)) - sample, size = sample < 0 ? -sample : sample;
    if (off < 0) off = -off;
    if (size < 32000 && off * 16 > size + 132 && off > worst) worst = off;
  }
  CHECK_NUMBER(worst, 0);
  CHECK_NUMBER(mulaw_of(0), 0xff);
  CHECK_NUMBER(sample_of_mulaw(0x80), 32124);
}
