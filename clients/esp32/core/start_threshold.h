/* How much of a reply has to be there before it sounds: as little as the network allows, more where it runs dry. */
#ifndef PARLEY_START_THRESHOLD_H
#define PARLEY_START_THRESHOLD_H

#include <stdint.h>

#define SHORTEST_START_MS 20
#define LONGEST_START_MS 200

typedef struct start_threshold {
  uint32_t ms;
  uint32_t calm_ms; /* played since the last underrun, or since it was lowered last */
} start_threshold;

void threshold_init(start_threshold *t);
/* A reply has run dry, and what it waited for came so much later. */
void threshold_ran_dry(start_threshold *t, uint32_t late_ms);
/* So much was played without running dry. */
void threshold_played(start_threshold *t, uint32_t ms);

#endif
