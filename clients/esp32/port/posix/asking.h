/* Who says one file after the other, each when the answer to the one before was heard. Without I/O: told what happens. */
#ifndef PARLEY_POSIX_ASKING_H
#define PARLEY_POSIX_ASKING_H

#include "../../core/parley.h"

#define ASKING_QUIET_MS 700 /* so long nothing is heard after an answer before the next is said */

typedef enum { ASKING_WAIT, ASKING_SAY, ASKING_HANG_UP, ASKING_FAILED } asking_step;

typedef struct {
  size_t count; /* sayings; 0: nobody asks */
  size_t asked;
  bool repeat;
  bool opened, answered, done;
  uint64_t answering; /* the reply that sounds since it was asked */
  uint32_t patience_ms;
  uint32_t sign_ms, quiet_ms; /* when there was a sign of an answer last, and when it was last not quiet */
} asking;

void asking_init(asking *asking, size_t count, bool repeat, uint32_t patience_ms);
void asking_note(asking *asking, const parley_event *event);
/* What to do now. `is_talking`: the person does. */
asking_step asking_tick(asking *asking, const parley *core, bool is_talking, uint32_t now_ms);

#endif
