#include "mic_line.h"

#include <string.h>

#include "queue.h"

uint32_t line_slot_bytes(uint32_t largest_wire_bytes) {
  return (uint32_t)(offsetof(mic_frame, wire) + largest_wire_bytes + 7) & ~7U;
}

void line_init(mic_line *line, uint8_t *slots, uint32_t slot_bytes, uint32_t capacity) {
  memset(line, 0, sizeof *line);
  line->slots = slots;
  line->slot_bytes = slot_bytes;
  line->capacity = capacity;
}

void line_reset(mic_line *line) {
  line->tail = line->count = line->unsent = 0;
  line->mark_count = line->unsent_marks = 0;
  line->was_muted = line->was_pressed = false;
}

/* The frame that is number `i` from the oldest. */
static mic_frame *frame_number(const mic_line *line, uint32_t i) {
  return (mic_frame *)(void *)(line->slots + (size_t)((line->tail + i) % line->capacity) * line->slot_bytes);
}

static void drop_oldest_frame(mic_line *line) {
  if (line->unsent == line->count) {
    line->unsent--;
    line->lost_frames++;
  }
  line->tail = (line->tail + 1) % line->capacity;
  line->count--;
}

mic_frame *line_frame(mic_line *line) {
  if (line->count == line->capacity) drop_oldest_frame(line);
  line->count++;
  line->unsent++;
  return frame_number(line, line->count - 1);
}

static void note_key(const mark *key, bool *muted, bool *pressed) {
  if (key->kind == MARK_MUTE) *muted = key->is_on;
  if (key->kind == MARK_TALK_KEY) *pressed = key->is_on;
}

static void drop_oldest_mark(mic_line *line) {
  note_key(&line->marks[0], &line->was_muted, &line->was_pressed);
  if (line->unsent_marks == line->mark_count) {
    line->unsent_marks--;
    line->dropped_marks++;
  }
  drop_oldest(line->marks, &line->mark_count, sizeof line->marks[0]);
}

static void add_mark(mic_line *line, mark what) {
  if (line->mark_count == LARGEST_MARKS) drop_oldest_mark(line);
  line->marks[line->mark_count++] = what;
  line->unsent_marks++;
}

void line_key(mic_line *line, mark_kind kind, bool is_on, uint64_t at) {
  add_mark(line, (mark){.at = at, .kind = kind, .is_on = is_on});
}

bool line_say(mic_line *line, const char *text, uint32_t id, uint64_t at) {
  size_t length = strlen(text);
  bool is_taken[LARGEST_SAYS] = {false};
  for (uint32_t i = 0; i < line->mark_count; i++) {
    if (line->marks[i].kind == MARK_SAY) is_taken[line->marks[i].say] = true;
  }
  for (uint8_t i = 0; i < LARGEST_SAYS && length < SAY_BYTES; i++) {
    if (is_taken[i]) continue;
    memcpy(line->says[i], text, length + 1);
    add_mark(line, (mark){.at = at, .kind = MARK_SAY, .say = i, .id = id});
    return true;
  }
  line->dropped_marks++;
  return false;
}

void line_next(const mic_line *line, const mark **next_mark, const mic_frame **next_frame) {
  *next_frame = line->unsent ? frame_number(line, line->count - line->unsent) : NULL;
  *next_mark = line->unsent_marks ? &line->marks[line->mark_count - line->unsent_marks] : NULL;
  if (!*next_mark || !*next_frame) return;
  if ((*next_mark)->at <= (*next_frame)->mic_offset) {
    *next_frame = NULL;
  } else {
    *next_mark = NULL;
  }
}

void line_sent(mic_line *line) {
  const mark *next_mark;
  const mic_frame *next_frame;
  line_next(line, &next_mark, &next_frame);
  if (next_mark) line->unsent_marks--;
  if (next_frame) line->unsent--;
}

static uint64_t end_of(const mic_frame *frame) { return frame->mic_offset + frame->samples; }

void line_heard(mic_line *line, uint64_t received_offset) {
  while (line->count > line->unsent && end_of(frame_number(line, 0)) <= received_offset) drop_oldest_frame(line);
  /* What stands just there is not known to have come: only the sample behind it tells. */
  while (line->mark_count > line->unsent_marks && line->marks[0].at < received_offset) drop_oldest_mark(line);
}

uint64_t line_again(mic_line *line, uint64_t mic_offset, uint64_t end, bool *muted, bool *pressed) {
  *muted = line->was_muted;
  *pressed = line->was_pressed;
  line->unsent_marks = line->mark_count;
  for (; line->unsent_marks; line->unsent_marks--) {
    const mark *oldest = &line->marks[line->mark_count - line->unsent_marks];
    if (oldest->at >= mic_offset) break;
    note_key(oldest, muted, pressed);
  }
  line->unsent = line->count;
  while (line->unsent && end_of(frame_number(line, line->count - line->unsent)) <= mic_offset) line->unsent--;
  const mic_frame *first = line->unsent ? frame_number(line, line->count - line->unsent) : NULL;
  uint64_t oldest = first ? first->mic_offset : end;
  uint64_t gone = oldest > mic_offset ? oldest - mic_offset : 0;
  if (line->count) line->lost_frames += (uint32_t)(gone / frame_number(line, 0)->samples);
  return gone;
}
