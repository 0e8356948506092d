/* The interrupt, from its press until the server heeds it: a press may be lost on its way, or come at a bad moment.
 *
 * It is lost with a connection that breaks. And a server to which the reply seemed to be over, since it had run dry for a
 * while, has nothing to stop, though the reply goes on here. Nothing but a new flush answers it. */
#include "session.h"

enum {
  AGAIN_MS = 500,  /* so often it is pressed again while the very reply still sounds */
  FORGET_MS = 3000 /* a press that nothing has answered by then, while nothing sounded, found nothing to stop */
};

/* The newest reply, while anything is played or waits to be; else 0. */
static uint32_t sounding(const parley *p) { return playout_is_underway(&p->playout) ? (uint32_t)p->next.reply : 0; }

void parley_interrupt(parley *p) {
  if (!is_talking(p)) return;
  p->stop = STOP_DUE;
  p->stop_ms = 0;
  p->stop_reply = sounding(p);
}

void stop_key_back(parley *p) {
  if (p->stop) p->stop = STOP_DUE;
  p->stop_ms = 0;
}

void stop_key_tick(parley *p, uint32_t passed_ms) {
  if (p->stop != STOP_SENT) return;
  p->stop_ms += passed_ms;
  uint32_t reply = sounding(p);
  if (reply != p->stop_reply) { /* it ended, or another one began, which was not to be stopped */
    p->stop = STOP_NONE;
  } else if (reply && p->stop_ms >= AGAIN_MS) {
    p->stop = STOP_DUE;
    p->stop_ms = 0;
  } else if (p->stop_ms >= FORGET_MS) {
    p->stop = STOP_NONE;
  }
}
