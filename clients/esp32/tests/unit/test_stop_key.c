/* The interrupt: pressed again until the server heeds it, and never for another reply. */
#include "check.h"
#include "stage.h"

enum { TICKS_PER_S = 50 };

/* A reply of which a second is there plays, and more is awaited. */
static void hear_a_reply(uint32_t reply) {
  static parley_config config;
  stage_config(&config);
  config.playout_ms = 2000;
  stage_begin(&config);
  stage_open();
  stage_audio(reply, 0, 24000, 3000);
  stage_ticks(2);
}

static void let_pass(int seconds) {
  for (int i = 0; i < seconds; i++) {
    stage_says("{\"heartbeat\":{}}");
    stage_ticks(TICKS_PER_S);
  }
}

static void is_pressed_until_heeded(void) {
  hear_a_reply(1);
  parley_interrupt(on.p);
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 1);
  stage_ticks(24);
  CHECK_NUMBER(on.interrupts, 1);
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 2); /* it still sounds */
  stage_says("{\"flush\":{\"seq\":\"1\",\"floor\":\"1\"}}");
  let_pass(4);
  CHECK_NUMBER(on.interrupts, 2);
}

static void outlives_its_connection(void) {
  hear_a_reply(1);
  stage_says("{\"duck\":{\"seq\":\"3\",\"gainDb\":-20}}");
  parley_interrupt(on.p);
  stage_ticks(1);
  stage_resume();
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 2);
  stage_says("{\"flush\":{\"seq\":\"2\",\"floor\":\"0\"}}"); /* an old one, told again */
  stage_resume();
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 3);
  stage_says("{\"flush\":{\"seq\":\"4\",\"floor\":\"1\"}}");
  stage_resume();
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 3);
}

static void is_pressed_while_nothing_stands(void) {
  hear_a_reply(1);
  parley_disconnected(on.p, 0);
  parley_interrupt(on.p);
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 0);
  parley_connected(on.p);
  stage_ticks(1);
  stage_says(RESUMED);
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 1);
}

static void is_not_for_another_reply(void) {
  hear_a_reply(1);
  parley_interrupt(on.p);
  stage_ticks(1);
  stage_audio(2, 0, 9600, 3000);
  let_pass(1);
  stage_resume();
  let_pass(1);
  CHECK_NUMBER(on.interrupts, 1);
  hear_a_reply(1);
  stage_says("{\"replyEnded\":{\"reply\":\"1\",\"samples\":\"24000\"}}");
  parley_interrupt(on.p);
  let_pass(2); /* it ends by itself, after the second press */
  CHECK_NUMBER(on.interrupts, 2);
  stage_resume();
  let_pass(1);
  CHECK_NUMBER(on.interrupts, 2);
}

static void is_forgotten_where_it_found_nothing(void) {
  stage_begin(NULL);
  stage_open();
  parley_interrupt(on.p);
  let_pass(2);
  stage_resume();
  let_pass(4); /* from the beginning of the connection */
  CHECK_NUMBER(on.interrupts, 2);
  stage_resume();
  let_pass(1);
  CHECK_NUMBER(on.interrupts, 2);
}

static void is_let_go_of(void) {
  stage_begin(NULL);
  stage_open();
  parley_interrupt(on.p);
  stage_ticks(1);
  CHECK(parley_say(on.p, "another thing")); /* what comes then is its answer */
  stage_resume();
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 1);
  parley_interrupt(on.p);
  stage_ticks(1);
  parley_push_to_talk(on.p, true);
  stage_resume();
  stage_ticks(1);
  CHECK_NUMBER(on.interrupts, 2);
}

void test_stop_key(void) {
  is_pressed_until_heeded();
  outlives_its_connection();
  is_pressed_while_nothing_stands();
  is_not_for_another_reply();
  is_forgotten_where_it_found_nothing();
  is_let_go_of();
}
