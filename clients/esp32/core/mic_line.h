/* What goes to the server in the order of the microphone's clock: its frames, and keys and typed words between them.
 *
 * Queue and retention at once: what was sent stays until `heard` lets go of it, for another connection. Policy when
 * full: the oldest go. */
#ifndef PARLEY_MIC_LINE_H
#define PARLEY_MIC_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LARGEST_MARKS 8
#define LARGEST_SAYS 2  /* typed lines that are kept at a time */
#define SAY_BYTES 256   /* of each, NUL counted */

typedef enum mark_kind { MARK_MUTE, MARK_TALK_KEY, MARK_SAY } mark_kind;

/* A key, or typed words: before the sample `at` of the microphone. */
typedef struct mark {
  uint64_t at;
  mark_kind kind;
  bool is_on;     /* muted, pressed */
  uint8_t say;    /* which of the typed lines */
  uint32_t id;    /* of a typed line, by which it is answered once */
} mark;

/* A frame as it goes over the wire, header and all. */
typedef struct mic_frame {
  uint64_t mic_offset;
  uint32_t samples;
  uint32_t bytes;
  uint8_t wire[];
} mic_frame;

typedef struct mic_line {
  uint8_t *slots; /* aligned to 8 */
  uint32_t slot_bytes, capacity, tail, count, unsent;
  uint32_t lost_frames;   /* pushed out unsent, or wanted again and gone */
  uint32_t dropped_marks; /* keys and words pushed out unsent, and words for which there was no room */
  mark marks[LARGEST_MARKS];
  uint32_t mark_count, unsent_marks;
  bool was_muted, was_pressed; /* how the keys stood before everything that is kept */
  char says[LARGEST_SAYS][SAY_BYTES];
} mic_line;

/* How much one frame needs whose wire form has so many bytes. */
uint32_t line_slot_bytes(uint32_t largest_wire_bytes);
void line_init(mic_line *line, uint8_t *slots, uint32_t slot_bytes, uint32_t capacity);
/* Forget everything of a session; the counters stay. */
void line_reset(mic_line *line);
/* A new frame, to be filled in at once; the oldest goes where there is no room. */
mic_frame *line_frame(mic_line *line);
/* A key. */
void line_key(mic_line *line, mark_kind kind, bool is_on, uint64_t at);
/* Typed words. False: too many wait already, or they are too long. */
bool line_say(mic_line *line, const char *text, uint32_t id, uint64_t at);
/* What is to be sent next: a mark or a frame, the other NULL; both NULL: all is sent. */
void line_next(const mic_line *line, const mark **next_mark, const mic_frame **next_frame);
/* It was sent. */
void line_sent(mic_line *line);
/* Let go of what came before `received_offset`: it would survive the server. */
void line_heard(mic_line *line, uint64_t received_offset);
/* Another connection wants everything from `mic_offset` on; `end` is the microphone's clock now. Returns how many samples
 * of that are gone, and tells how the keys stood there. */
uint64_t line_again(mic_line *line, uint64_t mic_offset, uint64_t end, bool *muted, bool *pressed);

#endif
