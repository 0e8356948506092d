/* The binary frames: audio behind a small header (docs/protocol.md). */
#ifndef PARLEY_FRAMES_H
#define PARLEY_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#define MIC_HEADER_BYTES 24
#define REPLY_HEADER_BYTES 16

/* So many samples of that reply had left the speaker. Reply 0: none was audible. */
typedef struct playhead {
  uint64_t reply;
  uint64_t position;
} playhead;

typedef struct mic_header {
  uint64_t mic_offset;
  playhead head;
  bool estimated; /* never set by this client, which knows */
} mic_header;

void write_mic_header(uint8_t at[MIC_HEADER_BYTES], const mic_header *header);
/* Read the reply and the position of a piece's first sample. False: it is no piece of a reply. */
bool read_reply_header(const uint8_t at[REPLY_HEADER_BYTES], playhead *piece);

#endif
