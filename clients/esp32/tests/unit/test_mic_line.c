/* What is kept of the microphone, and sent again. */
#include "../../core/mic_line.h"
#include "check.h"

enum { FRAMES = 5, SAMPLES = 320 };

static mic_line line;
static uint64_t slots[FRAMES * 8];
static uint64_t offset;

static void begin(void) {
  offset = 0;
  line_init(&line, (uint8_t *)slots, line_slot_bytes(24), FRAMES);
}

static void capture(int frames) {
  for (; frames; frames--) {
    mic_frame *frame = line_frame(&line);
    frame->mic_offset = offset;
    frame->samples = SAMPLES;
    frame->bytes = 1;
    offset += SAMPLES;
  }
}

/* Send the next thing: the offset of a frame, -1 - the kind of a mark, or 99 for nothing. */
static long next(void) {
  const mark *m;
  const mic_frame *f;
  line_next(&line, &m, &f);
  long what = m ? -1 - (long)m->kind : f ? (long)f->mic_offset : 99;
  if (m || f) line_sent(&line);
  return what;
}

void test_mic_line(void) {
  bool muted, pressed;
  begin();
  capture(2);
  line_key(&line, MARK_MUTE, true, offset);
  capture(1);
  CHECK_NUMBER(next(), 0);
  CHECK_NUMBER(next(), 320);
  CHECK_NUMBER(next(), -1 - MARK_MUTE); /* between its samples */
  CHECK_NUMBER(next(), 640);
  CHECK_NUMBER(next(), 99);
  /* Another connection wants sample 400 on: the frame that holds it, then the key, as before. */
  CHECK_NUMBER(line_again(&line, 400, offset, &muted, &pressed), 0);
  CHECK(!muted);
  CHECK_NUMBER(next(), 320);
  CHECK_NUMBER(next(), -1 - MARK_MUTE);
  CHECK_NUMBER(next(), 640);
  /* From behind the key on, it is told how the key stands. */
  line_again(&line, 700, offset, &muted, &pressed);
  CHECK(muted);
  CHECK_NUMBER(next(), 640);
  line_heard(&line, 960);
  CHECK_NUMBER(line.count, 0);
  CHECK_NUMBER(line.mark_count, 0);
  line_again(&line, 960, offset, &muted, &pressed);
  CHECK(muted && !pressed);
  /* The oldest go, and what is missed for that is counted. */
  begin();
  capture(FRAMES + 3);
  CHECK_NUMBER(line.lost_frames, 3);
  CHECK_NUMBER(next(), 3 * SAMPLES);
  CHECK_NUMBER(line_again(&line, 0, offset, &muted, &pressed), 3 * SAMPLES);
  /* Typed words have room for two. */
  CHECK(line_say(&line, "one", 1, offset) && line_say(&line, "two", 2, offset) && !line_say(&line, "three", 3, offset));
  for (int i = 0; i < FRAMES; i++) next();
  CHECK_NUMBER(next(), -1 - MARK_SAY);
  CHECK_NUMBER(next(), -1 - MARK_SAY);
  capture(1);
  next();
  line_heard(&line, offset);
  CHECK(line_say(&line, "three", 3, offset));
  /* More keys than there is room for: the newest are kept. */
  for (int i = 0; i < LARGEST_MARKS + 3; i++) line_key(&line, MARK_TALK_KEY, i % 2 == 0, offset);
  CHECK_NUMBER(line.mark_count, LARGEST_MARKS);
  CHECK(line.marks[LARGEST_MARKS - 1].is_on);
}
