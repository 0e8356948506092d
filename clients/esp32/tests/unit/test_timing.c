/* Backoff and the adaptive playout buffer. */
#include "../../core/backoff.h"
#include "../../core/start_threshold.h"
#include "check.h"

void test_timing(void) {
  CHECK_NUMBER(pause_before(0, 1, 8000, 123), 0);
  CHECK_NUMBER(pause_before(2, 3, 8000, 123), 0); /* each server once, without a pause */
  uint32_t nominal = 250;
  for (uint32_t call = 1; call < 12; call++) {
    for (uint32_t chance = 0; chance < 5000; chance += 37) {
      uint32_t pause = pause_before(call, 1, 8000, chance);
      CHECK(pause >= nominal / 2 && pause <= nominal);
      CHECK(pause_before(call, 1, 800, chance) <= 800);
    }
    nominal = nominal * 2 > 8000 ? 8000 : nominal * 2;
  }
  CHECK_NUMBER(pause_before(UINT32_MAX, 1, 8000, 0), 4000);

  start_threshold t;
  threshold_init(&t);
  CHECK_NUMBER(t.ms, 20);
  threshold_ran_dry(&t, 10);
  CHECK_NUMBER(t.ms, 40);
  threshold_ran_dry(&t, 150); /* measured */
  CHECK_NUMBER(t.ms, 150);
  threshold_ran_dry(&t, 30);
  CHECK_NUMBER(t.ms, 200);
  threshold_played(&t, 9999);
  CHECK_NUMBER(t.ms, 200);
  threshold_played(&t, 1);
  CHECK_NUMBER(t.ms, 180);
  for (int i = 0; i < 20; i++) threshold_played(&t, 10000);
  CHECK_NUMBER(t.ms, 20);
}
