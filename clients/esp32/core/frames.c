#include "frames.h"

#include "bytes.h"

enum { KIND_MICROPHONE = 1, KIND_REPLY = 2 };

void write_mic_header(uint8_t at[MIC_HEADER_BYTES], const mic_header *header) {
  at[0] = KIND_MICROPHONE;
  at[1] = header->estimated ? 1 : 0;
  put_number(at + 2, 0, 2);
  put_number(at + 4, header->head.reply, 4);
  put_number(at + 8, header->mic_offset, 8);
  put_number(at + 16, header->head.position, 8);
}

bool read_reply_header(const uint8_t at[REPLY_HEADER_BYTES], playhead *piece) {
  if (at[0] != KIND_REPLY || at[1] != 0 || get_number(at + 2, 2) != 0) return false;
  piece->reply = get_number(at + 4, 4);
  piece->position = get_number(at + 8, 8);
  return true;
}
