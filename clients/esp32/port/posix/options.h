/* The command line of parley-device. */
#ifndef PARLEY_POSIX_OPTIONS_H
#define PARLEY_POSIX_OPTIONS_H

#include "../../core/parley.h"

#include <stdbool.h>
#include <stddef.h>

#define LARGEST_DEVICES 2000
#define LARGEST_SAYINGS 32

enum { EXIT_WELL = 0, EXIT_USAGE = 1, EXIT_REFUSED = 2, EXIT_BROKEN = 3, EXIT_STOPPED = 130 };

typedef struct {
  parley_config config;
  unsigned devices;
  unsigned stagger_ms;  /* between the starts of two devices */
  unsigned buffer_ms;   /* asked ahead of its time; 0: as the format allows */
  unsigned playout_ms;  /* room for a reply; 0: likewise */
  unsigned latency_ms;  /* of the speaker: a sample is heard so long after it was given */
  double wait_s;        /* for an answer to what was said */
  double seconds;       /* after which all hang up; 0: never */
  bool idle;            /* wait for the button */
  bool repeat;          /* say the sayings over and over */
  bool quiet;           /* no events */
  const char *sayings[LARGEST_SAYINGS];
  size_t sayings_count;
  const char *mic;     /* raw samples, as they come; NULL: what is said */
  const char *record;  /* where the speaker's sound goes; with more than one device a number goes before the ending */
  const char *events;  /* where the events go; NULL: standard output */
  const char *ca;
  char servers[1024];
  char token[PARLEY_TOKEN_BYTES];
} options;

/* Read the command line. -1: go on; else the exit code: all was said already (--help, a wrong option). */
int options_parse(options *options, int count, char **arguments);

#endif
