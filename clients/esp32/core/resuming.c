/* From one connection to the next: what was lost, what is said again. */
#include <string.h>

#include "session.h"

enum { SETTLED_MS = 1000 }; /* a connection that has lasted so long was a good one: after it the pauses begin anew */

bool is_resumption_offered(const parley *p) { return p->resume_token[0] && p->resume_s; }

void note_received(parley *p, playhead next) {
  if (next.reply > p->next.reply || (next.reply == p->next.reply && next.position > p->next.position)) p->next = next;
}

void lose_connection(parley *p, const char *why, bool elsewhere) {
  if (p->is_hanging_up) {
    end_session(p, p->is_in_trouble, "");
    return;
  }
  if (p->link != LINK_OPEN) {
    calling_failed(p, why, false);
    return;
  }
  if (!is_resumption_offered(p)) {
    end_session(p, true, "The connection was lost.");
    return;
  }
  let_go(p, false);
  note(p, PARLEY_LOG_WARNING, why);
  p->report_count = p->flushed_count = 0; /* the last of them are said again */
  p->has_mute_due = p->has_talk_key_due = false;
  if (is_past(p->now_ms, p->stands_since_ms + SETTLED_MS)) {
    p->calls = p->unanswered = 0;
    p->may_be_answered_late = false;
  }
  if (elsewhere) p->door = (p->door + 1) % p->doors;
  p->lost_at_ms = p->call_at_ms = p->now_ms;
  p->give_up_at_ms = p->now_ms + p->resume_s * 1000;
  set_state(p, PARLEY_RESUMING, why);
}

/* Say again what may not have been heard. No report and no answer to a flush is ever acknowledged, and to hear one twice
 * does no harm. */
static void go_on(parley *p, const message *opened) {
  bool muted, pressed;
  uint64_t gone = line_again(&p->line, opened->mic_offset, p->mic_offset, &muted, &pressed);
  p->has_mute_due = p->said_muted = muted;
  p->has_talk_key_due = p->has_talk_key;
  p->said_pressed = pressed;
  memcpy(p->reports, p->kept_reports, sizeof p->kept_reports);
  p->report_count = p->kept_report_count;
  p->flushed[0] = p->last_flushed;
  p->flushed_count = p->has_flushed ? 1 : 0;
  stop_key_back(p);
  if (p->playout.fader.is_ducked) { /* its verdict may have been lost: the new server ducks again if need be */
    fader_release(&p->playout.fader);
    tell_plainly(p, PARLEY_EVENT_RELEASE, NULL, 1, 0);
  }
  p->has_resumed = true;
  p->counters.resumptions++;
  set_state(p, PARLEY_CONVERSATION, "");
  int32_t gone_ms = (int32_t)((uint32_t)gone / (p->config.input.rate_hz / 1000));
  tell_plainly(p, PARLEY_EVENT_RESUMED, NULL, (int32_t)(p->now_ms - p->lost_at_ms), gone_ms);
}

void opened_came(parley *p, const message *opened) {
  if (p->link != LINK_OPENING) return;
  p->link = LINK_OPEN;
  p->quiet_ms = 0;
  p->stands_since_ms = p->now_ms;
  if (opened->protocol > PARLEY_PROTOCOL) {
    end_session(p, true, "The server speaks a newer protocol: update this device.");
    return;
  }
  bool is_kept = !opened->token_cut && opened->resume_token[0];
  memcpy(p->resume_token, opened->resume_token, sizeof p->resume_token);
  p->resume_s = is_kept ? opened->resume_s : 0;
  if (p->is_hanging_up) return;
  if (p->state == PARLEY_CONNECTING) {
    if (p->is_muted) line_key(&p->line, MARK_MUTE, true, p->mic_offset);
    set_state(p, PARLEY_CONVERSATION, "");
    tell_plainly(p, PARLEY_EVENT_OPENED, opened->session, 0, 0);
  } else if (opened->resumed) {
    go_on(p, opened);
  } else {
    note(p, PARLEY_LOG_WARNING, "The server began a new conversation instead of going on with the old one.");
    p->is_in_trouble = true;
    parley_end(p, "it is not the conversation that was to be resumed");
  }
}
