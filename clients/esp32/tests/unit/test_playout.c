/* What the speaker plays, and what is said of it. */
#include "../../core/playout.h"
#include "check.h"

enum { CAPACITY = 9600 };

static playout p;
static int16_t ring[CAPACITY], out[480];

static int16_t at(uint64_t reply, uint64_t position) { return (int16_t)(1000 + (reply * 7919 + position * 31) % 20000); }

static uint32_t give(uint64_t reply, uint64_t position, uint32_t count) {
  static int16_t samples[CAPACITY * 2];
  for (uint32_t i = 0; i < count; i++) samples[i] = at(reply, position + i);
  playout_piece(&p, (playhead){reply, position});
  return playout_samples(&p, samples, count);
}

static void begin(void) { playout_init(&p, 24000, ring, CAPACITY); }

static void pull(uint32_t latency) {
  playout_clock(&p, latency);
  playout_pull(&p, out, 480);
}

/* Whether the last 20 ms were the reply's from there on. */
static bool is_piece(uint64_t reply, uint64_t position) {
  for (uint32_t i = 0; i < 480; i++) {
    if (out[i] != at(reply, position + i)) return false;
  }
  return true;
}

static bool is_silent(uint32_t from) {
  for (uint32_t i = from; i < 480; i++) {
    if (out[i]) return false;
  }
  return true;
}

static void plays_in_order(void) {
  begin();
  CHECK_NUMBER(give(1, 0, 500), 500);
  CHECK_NUMBER(give(1, 300, 660), 660); /* overlaps */
  pull(0);
  CHECK(is_piece(1, 0));
  CHECK_NUMBER(give(1, 0, 480), 480); /* was played already */
  pull(0);
  CHECK(is_piece(1, 480));
  playout_reply_ended(&p, 1);
  pull(0);
  CHECK(is_silent(0));
  happening told;
  CHECK(playout_happened(&p, &told) && told.kind == FIRST_SAMPLE && told.head.reply == 1 && told.head.position == 0);
  CHECK(playout_happened(&p, &told) && told.kind == LAST_SAMPLE && told.head.position == 960 && told.at == 960);
  CHECK(!playout_happened(&p, &told));
  give(1, 960, 480); /* it is over */
  pull(0);
  CHECK(is_silent(0) && !playout_is_underway(&p));
}

static void flushes(void) {
  begin();
  give(3, 0, 4800);
  pull(0);
  playout_flush(&p, 1, 3);
  give(3, 4800, 480); /* was on its way */
  pull(0);
  CHECK(out[0] != 0 && out[119] == 0 && is_silent(120)); /* 5 ms of fade */
  happening told;
  CHECK(playout_happened(&p, &told) && told.kind == FIRST_SAMPLE);
  CHECK(playout_happened(&p, &told) && told.kind == FELL_SILENT && told.value == 1);
  CHECK_NUMBER(told.head.reply, 3);
  CHECK_NUMBER(told.head.position, 600);
  playout_flush(&p, 1, 3); /* the same again, after a resumption: answered as before */
  pull(0);
  CHECK(playout_happened(&p, &told) && told.head.position == 600);
  give(4, 0, 960);
  pull(0);
  CHECK(is_piece(4, 0));
}

static void counts_latency(void) {
  begin();
  give(1, 0, 4800);
  for (int i = 0; i < 5; i++) pull(i ? 1440 : 0); /* 60 ms are not audible yet */
  CHECK_NUMBER(playout_head(&p).position, 480);
  CHECK_NUMBER(playout_audible(&p, 480).position, 0);
  CHECK_NUMBER(playout_audible(&p, 960).reply, 0);
  playout_flush(&p, 9, 1);
  happening told;
  CHECK(playout_happened(&p, &told) && told.kind == FIRST_SAMPLE);
  pull(1440);
  CHECK(!playout_happened(&p, &told)); /* what the device holds still sounds */
  pull(1440);
  pull(1440);
  pull(1440);
  CHECK(playout_happened(&p, &told) && told.kind == FELL_SILENT && told.head.position == 2520);
}

static void runs_dry(void) {
  begin();
  give(1, 0, 480);
  pull(0);
  pull(0);
  pull(0);
  CHECK(is_silent(0) && playout_is_underway(&p) && p.underruns == 0); /* it may have been the end */
  give(1, 480, 480);
  pull(0);
  CHECK(is_piece(1, 480));
  CHECK_NUMBER(p.underruns, 1);
  CHECK_NUMBER(p.threshold.ms, 40);
  pull(0);
  pull(0);
  give(1, 960, 480); /* less than the threshold: gathered */
  pull(0);
  CHECK(is_silent(0));
  give(1, 1440, 480);
  pull(0);
  CHECK(is_piece(1, 960));
  CHECK_NUMBER(p.underruns, 2);
}

static void holds_what_fits(void) {
  begin();
  CHECK_NUMBER(give(1, 0, CAPACITY + 100), CAPACITY);
  CHECK_NUMBER(playout_room(&p), 0);
  pull(0);
  CHECK_NUMBER(give(1, CAPACITY, 1000), 480); /* the piece goes on where it was held back */
  for (int i = 1; i < CAPACITY / 480 + 1; i++) {
    pull(0);
    CHECK(is_piece(1, (uint64_t)i * 480));
  }
}

static void bridges_holes(void) {
  begin();
  give(1, 0, 480);
  give(1, 720, 480); /* 10 ms are missing: silence, and what follows keeps its time */
  pull(0);
  pull(0);
  CHECK(out[0] == 0 && out[239] == 0 && out[240] == at(1, 720));
  CHECK_NUMBER(playout_audible(&p, 0).position, 480);
  begin();
  give(1, 0, 480);
  give(1, 100000, 480); /* seconds are missing: skipped */
  pull(0);
  CHECK(is_piece(1, 0));
  pull(0);
  CHECK(is_piece(1, 100000));
  pull(0);
  CHECK_NUMBER(playout_head(&p).position, 100480);
  CHECK_NUMBER(p.underruns, 0);
}

static void obeys_the_newest(void) {
  begin();
  CHECK(playout_duck(&p, 5, -20000));
  CHECK(!playout_release(&p, 4));
  CHECK(p.fader.is_ducked);
  CHECK(playout_release(&p, 6));
  CHECK(!playout_duck(&p, 6, -20000));
  give(2, 0, 480);
  playout_flush(&p, 3, 9); /* an old one: answered, obeyed it is not */
  CHECK_NUMBER(p.floor, 0);
  pull(0);
  CHECK(is_piece(2, 0));
}

void test_playout(void) {
  plays_in_order();
  flushes();
  counts_latency();
  runs_dry();
  holds_what_fits();
  bridges_holes();
  obeys_the_newest();
}
