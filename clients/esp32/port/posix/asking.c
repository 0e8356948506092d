#include "asking.h"

#include <string.h>

void asking_init(asking *asking, size_t count, bool repeat, uint32_t patience_ms) {
  memset(asking, 0, sizeof *asking);
  asking->count = count;
  asking->repeat = repeat;
  asking->patience_ms = patience_ms;
}

void asking_note(asking *asking, const parley_event *event) {
  switch (event->kind) {
  case PARLEY_EVENT_OPENED:
    asking->opened = true;
    break;
  case PARLEY_EVENT_REPLY_STARTED:
    if (asking->asked) asking->answering = event->reply;
    break;
  case PARLEY_EVENT_REPLY_PLAYED:
  case PARLEY_EVENT_SILENCED:
    if (event->reply && event->reply == asking->answering) asking->answered = true;
    break;
  default:
    break;
  }
}

static asking_step next(asking *asking, uint32_t now_ms) {
  if (asking->asked >= asking->count && !asking->repeat) {
    asking->done = true;
    return ASKING_HANG_UP;
  }
  asking->asked++;
  asking->answered = false;
  asking->answering = 0;
  asking->sign_ms = asking->quiet_ms = now_ms;
  return ASKING_SAY;
}

asking_step asking_tick(asking *asking, const parley *core, bool is_talking, uint32_t now_ms) {
  if (!asking->count || !asking->opened || asking->done) return ASKING_WAIT;
  parley_activity activity = parley_activity_of(core);
  bool is_sounding = is_talking || parley_is_speaking(core);
  if (is_sounding || !asking->asked) asking->sign_ms = now_ms;
  bool is_quiet = activity <= PARLEY_ACTIVITY_LISTENING; /* and the unknown ones of a newer server */
  if (is_sounding || !is_quiet) asking->quiet_ms = now_ms;
  if (!asking->asked || (asking->answered && now_ms - asking->quiet_ms >= ASKING_QUIET_MS)) return next(asking, now_ms);
  if (now_ms - asking->sign_ms > asking->patience_ms) {
    asking->done = true;
    return ASKING_FAILED;
  }
  return ASKING_WAIT;
}
