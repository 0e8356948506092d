#include "mulaw.h"

enum { BIAS = 132, LARGEST = 32635 };

uint8_t mulaw_of(int16_t sample) {
  int32_t magnitude = sample < 0 ? -(int32_t)sample : sample;
  if (magnitude > LARGEST) magnitude = LARGEST;
  magnitude += BIAS;
  uint32_t exponent = 7;
  for (int32_t bit = 0x4000; exponent > 0 && !(magnitude & bit); bit >>= 1) exponent--;
  uint32_t mantissa = ((uint32_t)magnitude >> (exponent + 3)) & 0x0f;
  uint32_t sign = sample < 0 ? 0x80 : 0;
  return (uint8_t)~(sign | exponent << 4 | mantissa);
}

int16_t sample_of_mulaw(uint8_t code) {
  uint32_t bits = (uint8_t)~code;
  int32_t magnitude = (int32_t)(((bits & 0x0f) * 8 + BIAS) << ((bits >> 4) & 7)) - BIAS;
  return (int16_t)(bits & 0x80 ? -magnitude : magnitude);
}
