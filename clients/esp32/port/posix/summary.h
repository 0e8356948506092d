/* The last line: what all devices together have done. */
#ifndef PARLEY_POSIX_SUMMARY_H
#define PARLEY_POSIX_SUMMARY_H

#include "device.h"

/* Write it, a line of JSON; return the worst of the devices' exit codes. */
int summary_tell(FILE *file, const device *devices, unsigned count, uint64_t now_us);

#endif
