#include "digest.h"

#include <string.h>

#define BLOCK_BYTES 64
#define LENGTH_AT 56

static uint32_t rotated(uint32_t word, unsigned bits) {
  return (word << bits) | (word >> (32 - bits));
}

static void mix(uint32_t state[5], const uint8_t block[BLOCK_BYTES]) {
  uint32_t w[80];
  for (size_t i = 0; i < 16; i++) {
    const uint8_t *at = block + 4 * i;
    w[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  }
  for (size_t i = 16; i < 80; i++) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (size_t i = 0; i < 80; i++) {
    uint32_t f, k;
    if (i < 20) {
      f = (b & c) | (~b & d);
      k = 0x5a827999;
    } else if (i < 40) {
      f = b ^ c ^ d;
      k = 0x6ed9eba1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d;
      k = 0xca62c1d6;
    }
    uint32_t next = rotated(a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = rotated(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

void sha1(const void *data, size_t size, uint8_t digest[SHA1_BYTES]) {
  uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const uint8_t *bytes = data;
  size_t left = size;
  for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, bytes += BLOCK_BYTES) mix(state, bytes);
  uint8_t block[BLOCK_BYTES] = {0};
  memcpy(block, bytes, left);
  block[left] = 0x80;
  if (left >= LENGTH_AT) {
    mix(state, block);
    memset(block, 0, sizeof block);
  }
  uint64_t bits = (uint64_t)size * 8;
  for (size_t i = 0; i < 8; i++) block[LENGTH_AT + i] = (uint8_t)(bits >> (56 - 8 * i));
  mix(state, block);
  for (size_t i = 0; i < SHA1_BYTES; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void base64(const uint8_t *data, size_t size, char *text) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    size_t here = size - i < 3 ? size - i : 3;
    uint32_t three = 0;
    for (size_t k = 0; k < 3; k++) three = three << 8 | (k < here ? data[i + k] : 0u);
    for (size_t k = 0; k < 4; k++) *text++ = k <= here ? letters[three >> (18 - 6 * k) & 63] : '=';
  }
    *text = '\0';
}
