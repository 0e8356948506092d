/* What is to be sent, urgent words before the microphone. Whatever the connection does not take is offered again. */
#include "json_writer.h"
#include "queue.h"
#include "session.h"

enum { HEARTBEAT_MS = 1000, LARGEST_BURST = 100 }; /* messages in one tick: after a resumption many wait */

static bool send_text(parley *p, size_t bytes) {
  if (!bytes) {
    note(p, PARLEY_LOG_ERROR, "A message does not fit: the token is too long.");
    return true;
  }
  return p->ports.net.send(p->ports.net.self, true, (const uint8_t *)p->text, bytes);
}

static bool send_open(parley *p) {
  bool is_resuming = p->state == PARLEY_RESUMING;
  open_request open = {.agent = p->config.agent,
                       .token = p->config.token,
                       .resume = is_resuming ? p->resume_token : "",
                       .next = p->next,
                       .seq = p->playout.seq,
                       .input = p->config.input,
                       .output = p->config.output,
                       .echo = p->config.echo,
                       .client_buffer_ms = p->config.client_buffer_ms};
  return send_text(p, write_open(p->text, sizeof p->text, &open));
}

static bool send_reports(parley *p) {
  while (p->flushed_count) {
    if (!send_text(p, write_flushed(p->text, sizeof p->text, &p->flushed[0]))) return false;
    drop_oldest(p->flushed, &p->flushed_count, sizeof p->flushed[0]);
  }
  while (p->report_count) {
    if (!send_text(p, write_playback(p->text, sizeof p->text, &p->reports[0]))) return false;
    drop_oldest(p->reports, &p->report_count, sizeof p->reports[0]);
  }
  return true;
}

static bool send_keys(parley *p) {
  if (p->stop == STOP_DUE) {
    if (!send_text(p, write_interrupt(p->text, sizeof p->text))) return false;
    p->stop = STOP_SENT;
  }
  if (p->has_mute_due && !send_text(p, write_mute(p->text, sizeof p->text, p->said_muted))) return false;
  p->has_mute_due = false;
  if (p->has_talk_key_due && !send_text(p, write_push_to_talk(p->text, sizeof p->text, p->said_pressed))) return false;
  p->has_talk_key_due = false;
  return true;
}

static bool send_mark(parley *p, const mark *what) {
  size_t bytes = 0;
  char id[21];
  switch (what->kind) {
    case MARK_MUTE:
      bytes = write_mute(p->text, sizeof p->text, what->is_on);
      break;
    case MARK_TALK_KEY:
      bytes = write_push_to_talk(p->text, sizeof p->text, what->is_on);
      break;
    case MARK_SAY:
      decimal_of(what->id, id);
      bytes = write_say(p->text, sizeof p->text, p->line.says[what->say], id);
      break;
  }
  return send_text(p, bytes);
}

static void send_line(parley *p) {
  for (int i = 0; i < LARGEST_BURST; i++) {
    const mark *next_mark;
    const mic_frame *next_frame;
    line_next(&p->line, &next_mark, &next_frame);
    if (!next_mark && !next_frame) return;
    bool is_sent = next_mark ? send_mark(p, next_mark)
                             : p->ports.net.send(p->ports.net.self, false, next_frame->wire, next_frame->bytes);
    if (!is_sent) return;
    line_sent(&p->line);
  }
}

void send_what_is_due(parley *p) {
  if (p->link < LINK_OPENING) return;
  if (p->is_open_due) {
    if (!send_open(p)) return;
    p->is_open_due = false;
    p->is_open_sent = true;
    p->waiting_ms = 0;
  }
  if (p->is_end_sent) return;
  if (p->is_end_due) { /* before any audio that still waits */
    if (!send_reports(p) || !send_text(p, write_end(p->text, sizeof p->text, p->end_reason))) return;
    p->is_end_due = false;
    p->is_end_sent = true;
    return;
  }
  if (p->link == LINK_OPENING && p->state == PARLEY_RESUMING) return; /* nothing else before `opened` */
  if (!send_reports(p) || !send_keys(p)) return;
  if (p->link == LINK_OPEN && p->unbeaten_ms >= HEARTBEAT_MS) {
    p->unbeaten_ms = 0;
    if (!send_text(p, write_heartbeat(p->text, sizeof p->text, p->beats + 1))) return;
    p->beats++;
  }
  send_line(p);
}
