#include "number.h"

#include <string.h>

/* A number's digits (at most 19 of them; of more the rest is noted as powers of ten) and where its point stands. */
typedef struct decimal {
  bool is_negative;
  bool is_inexact; /* digits other than 0 were left away */
  uint64_t digits;
  int32_t exponent; /* the value is digits * 10^exponent */
} decimal;

enum { FAR = 100000 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *take_digits(const char *text, decimal *d, bool is_fraction) {
  for (; is_digit(*text); text++) {
    uint32_t digit = (uint32_t)(*text - '0');
    if (d->digits < UINT64_MAX / 10 || (d->digits == UINT64_MAX / 10 && digit <= UINT64_MAX % 10)) {
      d->digits = d->digits * 10 + digit;
      d->exponent -= is_fraction;
    } else {
      d->is_inexact |= digit != 0;
      d->exponent += !is_fraction;
    }
  }
  return text;
}

static bool read_decimal(const char *text, decimal *d) {
  memset(d, 0, sizeof *d);
  d->is_negative = *text == '-';
  text += d->is_negative;
  if (!is_digit(*text)) return false;
  text = take_digits(text, d, false);
  if (*text == '.') {
    if (!is_digit(text[1])) return false;
    text = take_digits(text + 1, d, true);
  }
  if (*text == 'e' || *text == 'E') {
    bool is_down = *++text == '-';
    text += *text == '-' || *text == '+';
    if (!is_digit(*text)) return false;
    int32_t power = 0;
    for (; is_digit(*text); text++) power = power < FAR ? power * 10 + (*text - '0') : FAR;
    d->exponent += is_down ? -power : power;
  }
  return !*text;
}

/* Take zeros at the end off, so that "1.0" is 1. */
static void strip(decimal *d) {
  if (!d->digits) d->exponent = 0;
  while (d->exponent < 0 && d->digits && d->digits % 10 == 0) {
    d->digits /= 10;
    d->exponent++;
  }
}

bool number_of(const char *text, uint64_t *value) {
  decimal d;
  if (!read_decimal(text, &d)) return false;
  strip(&d);
  if (d.exponent < 0 || d.is_inexact || (d.is_negative && d.digits)) return false;
  for (; d.exponent; d.exponent--) {
    if (d.digits > UINT64_MAX / 10) return false;
    d.digits *= 10;
  }
  *value = d.digits;
  return true;
}

static bool is_beyond_float(decimal d) {
  if (!d.digits) return false; /* "0e39" */
  int32_t whole = d.exponent; /* the number of digits before the point */
  for (uint64_t rest = d.digits; rest; rest /= 10) whole++;
  if (whole != 39) return whole > 39;
  while (d.digits >= 1000) d.digits /= 10;
  while (d.digits < 100) d.digits *= 10;
  return d.digits > 340;
}

bool thousandths_of(const char *text, int32_t *value) {
  decimal d;
  if (!read_decimal(text, &d) || is_beyond_float(d)) return false;
  d.exponent += 3;
  for (; d.exponent < 0 && d.digits; d.exponent++) d.digits = (d.digits + (d.exponent == -1 ? 5 : 0)) / 10;
  for (; d.exponent > 0 && d.digits && d.digits <= INT32_MAX; d.exponent--) d.digits *= 10;
  int32_t magnitude = d.digits > INT32_MAX ? INT32_MAX : (int32_t)d.digits;
  *value = d.is_negative ? -magnitude : magnitude;
  return true;
}
