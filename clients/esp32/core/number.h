/* Numbers as JSON writes them, in whole arithmetic. */
#ifndef PARLEY_NUMBER_H
#define PARLEY_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Read a whole number of 64 bits: "12", "1.0", "1e3". False: it is none, negative, too large, or has a fraction. */
bool number_of(const char *text, uint64_t *value);

/* Read a number as thousandths, cut to 32 bits: "-12.5" is -12500. False: it is none, or too large for a float. */
bool thousandths_of(const char *text, int32_t *value);

#endif
