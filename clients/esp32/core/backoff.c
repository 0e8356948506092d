#include "backoff.h"

enum { FIRST_PAUSE_MS = 250, DOUBLINGS = 5 };

uint32_t pause_before(uint32_t call, uint32_t doors, uint32_t longest_ms, uint32_t random) {
  uint32_t round = call / doors;
  if (!round || call % doors) return 0;
  uint32_t nominal = (uint32_t)FIRST_PAUSE_MS << (round - 1 < DOUBLINGS ? round - 1 : DOUBLINGS);
  if (nominal > longest_ms) nominal = longest_ms;
  return nominal / 2 + random % (nominal - nominal / 2 + 1);
}
