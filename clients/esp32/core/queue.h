/* Short queues in plain arrays: the oldest stands first. */
#ifndef PARLEY_QUEUE_H
#define PARLEY_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/* Take the oldest of `count` items off; there must be one. */
void drop_oldest(void *items, uint32_t *count, size_t item_bytes);

#endif
