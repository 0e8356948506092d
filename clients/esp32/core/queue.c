#include "queue.h"

#include <string.h>

void drop_oldest(void *items, uint32_t *count, size_t item_bytes) {
  memmove(items, (char *)items + item_bytes, --*count * item_bytes);
}
