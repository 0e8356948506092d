/* What playout.c and verdicts.c share of the ring. */
#ifndef PARLEY_PLAYOUT_RING_H
#define PARLEY_PLAYOUT_RING_H

#include "playout.h"

static inline uint32_t samples_in(const playout *p, uint32_t ms) { return p->rate_hz * ms / 1000; }

static inline reply_run *first_run(playout *p) { return p->run_count ? &p->runs[0] : NULL; }

static inline reply_run *last_run(playout *p) { return p->run_count ? &p->runs[p->run_count - 1] : NULL; }

/* Let samples at the beginning of the ring go. */
static inline void skip(playout *p, uint32_t samples) {
  p->head = (p->head + samples) % p->capacity;
  p->count -= samples;
}

#endif
