/* Calls servers until one takes the conversation, for the first time or again. */
#include <string.h>

#include "backoff.h"
#include "session.h"

enum {
  GIVE_UP_MS = 120000,    /* a first call, all tries together; a press of the button ends it sooner */
  FIRST_CONNECT_MS = 8000, /* names have to be looked up */
  CONNECT_MS = 500,       /* a lost SYN costs no more than that when the network is back; twice as long every other
                           * round, since there is no second attempt beside the first that a slow network could win */
  CONNECT_TLS_MS = 4000,  /* a small device takes two seconds for a handshake */
  FIRST_ANSWER_MS = 12000, /* the ring takes so long at most to stand */
  ANSWER_MS = 2000,       /* a server that says nothing to a resumption; twice as long once each has kept silent */
  LONGEST_ANSWER_MS = 10000,
  DEAD_MS = 1500,         /* a server says something each second… */
  DEAD_FOR_GOOD_MS = 10000 /* … and a late answer is better than none where nothing can be resumed */
};

void calling_begin(parley *p) {
  p->calls = p->unanswered = p->door = 0;
  p->may_be_answered_late = false;
  p->call_at_ms = p->now_ms;
  p->give_up_at_ms = p->now_ms + GIVE_UP_MS;
  p->why[0] = 0;
}

void let_go(parley *p, bool politely) {
  p->link = LINK_NONE;
  p->is_drop_due = true;
  p->is_drop_polite = politely;
}

static void keep_why(parley *p, const char *why) {
  size_t length = strlen(why);
  if (length >= sizeof p->why) length = sizeof p->why - 1;
  memmove(p->why, why, length);
  p->why[length] = 0;
}

void calling_failed(parley *p, const char *why, bool is_silent) {
  if (p->is_hanging_up) { /* nobody is left to be told */
    end_session(p, p->is_in_trouble, "");
    return;
  }
  keep_why(p, why);
  note(p, PARLEY_LOG_INFO, why);
  if (is_silent) {
    p->unanswered++;
    p->may_be_answered_late = true;
  }
  let_go(p, false);
  p->door = (p->door + 1) % p->doors;
  bool is_resuming = p->state == PARLEY_RESUMING;
  uint32_t longest = is_resuming ? LONGEST_PAUSE_RESUMING_MS : LONGEST_PAUSE_MS;
  /* From the beginning of the call that failed: how long it took does not count on top. */
  p->call_at_ms += pause_before(p->calls, p->doors, longest, p->ports.time.random(p->ports.time.self));
}

static void call(parley *p) {
  const char *url = p->config.servers[p->door];
  p->calls++;
  p->counters.calls++;
  p->call_at_ms = p->now_ms;
  p->link = LINK_CALLING;
  p->is_drop_due = false; /* `call` does it */
  p->waiting_ms = p->quiet_ms = 0;
  p->header_count = 0;
  p->is_open_due = true;
  p->is_open_sent = false;
  if (p->state == PARLEY_CONNECTING) {
    p->mic_offset = 0;
    line_reset(&p->line);
    if (p->has_talk_key) line_key(&p->line, MARK_TALK_KEY, p->is_pressed, 0);
  }
  if (!p->ports.net.call(p->ports.net.self, url)) calling_failed(p, "There is no network.", false);
}

static uint32_t answer_ms(const parley *p) {
  uint32_t rounds = p->unanswered / p->doors;
  if (p->state == PARLEY_CONNECTING) return FIRST_ANSWER_MS;
  return rounds < 3 ? (uint32_t)ANSWER_MS << rounds : LONGEST_ANSWER_MS;
}

static uint32_t connect_ms(const parley *p) {
  if (p->state == PARLEY_CONNECTING) return FIRST_CONNECT_MS;
  if (strncmp(p->config.servers[p->door], "wss:", 4) == 0) return CONNECT_TLS_MS;
  uint32_t round = (p->calls - 1) / p->doors;
  return (uint32_t)CONNECT_MS << (round & 1);
}

static void give_up(parley *p) {
  if (p->state == PARLEY_CONNECTING) {
    end_session(p, true, p->why[0] ? p->why : "No server answers: check the network and the server's address.");
  } else {
    end_session(p, true, "The connection was lost and did not come back in time. Start again.");
  }
}

static void wait_for_life(parley *p, uint32_t passed_ms) {
  p->quiet_ms += passed_ms;
  stop_key_tick(p, passed_ms);
  uint32_t longest_ms = is_resumption_offered(p) ? DEAD_MS : DEAD_FOR_GOOD_MS;
  if (p->quiet_ms > longest_ms && !p->is_hanging_up) lose_connection(p, "The server is silent.", true);
}

void calling_tick(parley *p, uint32_t passed_ms) {
  if (p->is_drop_due) {
    p->is_drop_due = false;
    p->ports.net.drop(p->ports.net.self, p->is_drop_polite);
  }
  if (p->state != PARLEY_CONNECTING && p->state != PARLEY_RESUMING && p->state != PARLEY_CONVERSATION) return;
  if (p->state != PARLEY_CONVERSATION && is_past(p->now_ms, p->give_up_at_ms)) {
    give_up(p);
    return;
  }
  p->waiting_ms += passed_ms;
  switch (p->link) {
    case LINK_NONE:
      if (is_past(p->now_ms, p->call_at_ms)) call(p);
      break;
    case LINK_CALLING:
      if (p->waiting_ms > connect_ms(p)) calling_failed(p, "The server can't be reached.", false);
      break;
    case LINK_OPENING:
      if (p->waiting_ms > answer_ms(p)) calling_failed(p, "The server does not answer.", p->is_open_sent);
      break;
    case LINK_OPEN:
      wait_for_life(p, passed_ms);
      break;
  }
}
