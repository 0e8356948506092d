#include "start_threshold.h"

enum { CALM_MS = 10000, STEP_MS = 20 };

void threshold_init(start_threshold *t) {
  t->ms = SHORTEST_START_MS;
  t->calm_ms = 0;
}

void threshold_ran_dry(start_threshold *t, uint32_t late_ms) {
  uint32_t wanted = t->ms * 2;
  if (late_ms > wanted) wanted = late_ms;
  t->ms = wanted < LONGEST_START_MS ? wanted : LONGEST_START_MS;
  t->calm_ms = 0;
}

void threshold_played(start_threshold *t, uint32_t ms) {
  t->calm_ms += ms;
  if (t->calm_ms < CALM_MS) return;
  t->calm_ms = 0;
  t->ms = t->ms > SHORTEST_START_MS + STEP_MS ? t->ms - STEP_MS : SHORTEST_START_MS;
}
