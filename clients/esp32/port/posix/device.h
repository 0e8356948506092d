/* One device: the core with this program's ports round it. */
#ifndef PARLEY_POSIX_DEVICE_H
#define PARLEY_POSIX_DEVICE_H

#include "asking.h"
#include "link.h"
#include "mouth.h"
#include "options.h"
#include "sound_file.h"

#define DEVICE_SAMPLES 960 /* 20 ms at 48 kHz */
#define DEVICE_ANSWERS 512 /* answers whose waits are kept, for the last line */

typedef struct {
  unsigned number; /* from 1 on */
  const options *options;
  FILE *events; /* NULL: nobody wants them */
  uint64_t started_us; /* the program's beginning */
  uint64_t *memory;
  parley_device whole;
  net_link link;
  mouth mouth;
  recorder recorder;
  asking asking;
  uint64_t due_us; /* of the next tick */
  uint64_t begun_us;
  bool is_begun, is_over; /* it has begun to tick; it is done for good */
  bool is_opened, is_talking, is_leaving;
  bool button_down;
  unsigned button_ticks; /* until it is let go of; 0: by a command */
  int code; /* the exit code it would give */
  parley_light light;
  uint64_t spoken_us; /* when it last stopped talking */
  unsigned replies, silenced, late_ticks, failures;
  uint64_t worst_lag_us;
  uint32_t answers_ms[DEVICE_ANSWERS];
  unsigned answers;
} device;

/* Make a device, without calling anybody. False: `fault` says why. */
bool device_init(device *device, unsigned number, const options *options, int epoll, FILE *events, uint64_t now_us,
                 char fault[FAULT_CHARS]);

/* Let 20 ms pass, which were due at `device->due_us`. */
void device_tick(device *device, uint64_t now_us);

/* Hang up, and be over when that is done. */
void device_leave(device *device);

/* Put everything away. */
void device_end(device *device);

#endif
