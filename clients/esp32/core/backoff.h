/* How long to wait before the next call: not at all, then longer and longer, never all devices at once. */
#ifndef PARLEY_BACKOFF_H
#define PARLEY_BACKOFF_H

#include <stdint.h>

#define LONGEST_PAUSE_MS 8000
/* While a session waits to be resumed: it shall go on within a second of the network's return. */
#define LONGEST_PAUSE_RESUMING_MS 800

/* The pause before call number `call` (from 0) to any of `doors` servers: none before each was called once; then, each
 * time round, between half and whole of a nominal pause that doubles from 250 ms up to `longest_ms`. */
uint32_t pause_before(uint32_t call, uint32_t doors, uint32_t longest_ms, uint32_t random);

#endif
