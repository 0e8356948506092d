/* Checks that count themselves. */
#ifndef PARLEY_PORT_CHECK_H
#define PARLEY_PORT_CHECK_H

#include <stdio.h>

static int checks, failures;

#define CHECK(holds) \
  do { \
    checks++; \
    if (!(holds)) { \
      failures++; \
      printf("%s:%d: %s\n", __FILE__, __LINE__, #holds); \
    } \
  } while (0)

static int told(const char *what) {
  printf("%s: %d checks, %d failures.\n", what, checks, failures);
  return failures ? 1 : 0;
}

#endif
