/* What happens, as lines of JSON. */
#ifndef PARLEY_POSIX_EVENTS_H
#define PARLEY_POSIX_EVENTS_H

#include "device.h"

/* Write an event of the core. */
void events_tell(device *device, const parley_event *event);
/* Write one of this program's own: "link", "light", "said", "heard", "status", "fault". */
void events_tell_own(device *device, const char *name, const char *words);
/* Microseconds of the monotonic clock. */
uint64_t events_now_us(void);

#endif
