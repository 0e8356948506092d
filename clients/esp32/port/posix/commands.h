/* Commands on standard input, a line each: "say a.wav", or "3 say a.wav" for the third device only. */
#ifndef PARLEY_POSIX_COMMANDS_H
#define PARLEY_POSIX_COMMANDS_H

#include "device.h"

typedef struct {
  char line[1024];
  size_t size;
  bool too_long; /* the line that is being read is skipped */
  bool at_end;   /* no more will come */
  bool quit;     /* somebody said so */
} commands;

/* Read what standard input has and do it. */
void commands_ready(commands *commands, device *devices, unsigned count);

#endif
