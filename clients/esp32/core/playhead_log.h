/* Which sample of which reply leaves the speaker when: the map from the device's samples back to replies. */
#ifndef PARLEY_PLAYHEAD_LOG_H
#define PARLEY_PLAYHEAD_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "frames.h"

#define LOGGED_SPANS 16 /* beginnings and stalls that are remembered: more than fit into any device's latency */

/* A run of samples of one reply, `at` counted in all samples ever given to the device. */
typedef struct played_span {
  int64_t at;
  playhead head; /* at its beginning */
  uint32_t samples;
} played_span;

typedef struct playhead_log {
  played_span spans[LOGGED_SPANS];
  uint32_t first, count;
  int64_t over;       /* silence that begins up to here is no stall */
  uint32_t stall_samples;
} playhead_log;

void log_init(playhead_log *log, uint32_t rate_hz);
/* Note that samples of a reply from `head` on stand at `at` in the device's samples. */
void log_append(playhead_log *log, int64_t at, playhead head, uint32_t samples);
/* Note that the last reply has come to its end, or was cut: silence after it is no stall. */
void log_over(playhead_log *log);
/* The moment after the last sample of any reply. */
int64_t log_end(const playhead_log *log);
/* The reply played last at that moment and how much of it had been played. */
playhead log_at(const playhead_log *log, int64_t moment);
/* The same, but nowhere when nothing was audible. A short stall in mid-reply counts as audible. */
playhead log_audible_at(const playhead_log *log, int64_t moment);

#endif
