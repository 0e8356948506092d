/* The other half of the binary frames, which only a server needs. */
#ifndef PARLEY_SERVER_FRAMES_H
#define PARLEY_SERVER_FRAMES_H

#include "../core/bytes.h"
#include "../core/frames.h"

static inline void write_reply_header(uint8_t at[REPLY_HEADER_BYTES], const playhead *piece) {
  put_number(at, 2, 4);
  put_number(at + 4, piece->reply, 4);
  put_number(at + 8, piece->position, 8);
}

/* False: it is no frame of a microphone. */
static inline bool read_mic_header(const uint8_t at[MIC_HEADER_BYTES], mic_header *header) {
  if (at[0] != 1 || at[1] > 1 || get_number(at + 2, 2) != 0) return false;
  *header = (mic_header){get_number(at + 8, 8), {get_number(at + 4, 4), get_number(at + 16, 8)}, at[1] == 1};
  return true;
}

#endif
