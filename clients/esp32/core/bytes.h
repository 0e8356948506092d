/* Little-endian numbers in byte buffers, aligned or not. */
#ifndef PARLEY_BYTES_H
#define PARLEY_BYTES_H

#include <stdint.h>

static inline void put_number(uint8_t *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++, value >>= 8) at[i] = (uint8_t)value;
}

static inline uint64_t get_number(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  while (bytes-- > 0) value = value << 8 | at[bytes];
  return value;
}

#endif
