#include "frames.h"

#include "bytes.h"

enum { KIND_MICROPHONE = 1, KIND_REPLY = 2 };

void write_mic_header(uint8_t at[MIC_HEADER_BYTES], const mic_header *header) {
  at[0] = KIND_MICROPHONE;
  at[1] = header->estimated ? 1 : 0;
  put_u16(at + 2, 0);
  put_u32(at + 4, (uint32_t)header->head.reply);
  put_u64(at + 8, header->mic_offset);
  put_u64(at + 16, header->head.position);
}

bool read_reply_header(const uint8_t at[REPLY_HEADER_BYTES], playhead *piece) {
  if (at[0] != KIND_REPLY || at[1] != 0 || get_u16(at + 2) != 0) return false;
  piece->reply = get_u32(at + 4);
  piece->position = get_u64(at + 8);
  return true;
}
