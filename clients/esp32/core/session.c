/* One client: its state, its ticks. */
#include "session.h"

#include <string.h>

enum {
  HANG_UP_MS = 2000,      /* `closed` has to come within that after `end` */
  PLAY_OUT_MS = 2000,     /* the last words may sound so long after the end */
  SHOWN_MS = 1000,        /* an end is shown so long, trouble… */
  TROUBLE_SHOWN_MS = 3000,
  LONGEST_TICK_MS = 40    /* what this device slept through is not the server's fault */
};

void parley_listen(parley *p, parley_listener listener) { p->listener = listener; }

/* Telling */

void tell(parley *p, parley_event *event) {
  if (!p->listener.happened) return;
  if (!event->words) event->words = "";
  if (!event->mic_offset) event->mic_offset = p->mic_offset;
  p->listener.happened(p->listener.self, event);
}

void tell_plainly(parley *p, parley_event_kind kind, const char *words, int32_t value, int32_t value2) {
  tell(p, &(parley_event){.kind = kind, .words = words, .value = value, .value2 = value2});
}

void note(parley *p, parley_log_level level, const char *words) {
  if (p->ports.log.line && *words) p->ports.log.line(p->ports.log.self, level, words);
}

void set_state(parley *p, parley_state state, const char *why) {
  p->state = state;
  tell_plainly(p, PARLEY_EVENT_STATE, why, (int32_t)state, 0);
}

uint64_t mic_offset_at(const parley *p, int64_t played) {
  int32_t ago = (int32_t)(p->playout.played - played) * (int32_t)p->mic_frame_samples / (int32_t)p->speaker_frame_samples;
  int64_t at = (int64_t)p->mic_offset + (int32_t)p->input_latency - ago;
  return at > 0 ? (uint64_t)at : 0;
}

/* What the person does */

static void forget_session(parley *p) {
  playout_reset(&p->playout);
  p->playout.underruns = 0;
  line_reset(&p->line);
  local_duck_reset(p);
  p->mic_offset = 0;
  p->reported_at = 0;
  p->next = (playhead){0, 0};
  p->resume_token[0] = 0;
  p->resume_s = 0;
  p->beats = p->unbeaten_ms = 0;
  p->activity = PARLEY_ACTIVITY_UNKNOWN;
  p->report_count = p->flushed_count = p->kept_report_count = 0;
  p->is_end_due = p->is_end_sent = p->has_mute_due = p->has_talk_key_due = false;
  p->stop = STOP_NONE;
  p->has_flushed = p->has_resumed = p->has_talk_key = p->is_pressed = false;
  p->is_hanging_up = p->is_in_trouble = false;
}

void parley_start(parley *p) {
  if (p->state != PARLEY_IDLE && p->state != PARLEY_ENDED) return;
  p->now_ms = p->ports.time.now_ms(p->ports.time.self);
  forget_session(p);
  calling_begin(p);
  set_state(p, PARLEY_CONNECTING, "");
}

void end_session(parley *p, bool is_trouble, const char *why) {
  p->is_in_trouble = is_trouble;
  p->is_hanging_up = false;
  p->ended_at_ms = p->now_ms;
  let_go(p, true);
  if (is_trouble) note(p, PARLEY_LOG_ERROR, why);
  set_state(p, PARLEY_ENDED, why);
}

void parley_end(parley *p, const char *reason) {
  if (p->state == PARLEY_IDLE || p->state == PARLEY_ENDED || p->is_hanging_up) return;
  p->now_ms = p->ports.time.now_ms(p->ports.time.self);
  playout_silence(&p->playout);
  if (!(p->link == LINK_OPEN || (p->link == LINK_OPENING && p->is_open_sent))) {
    end_session(p, false, ""); /* nobody is there to be told */
    return;
  }
  size_t length = strlen(reason);
  if (length >= sizeof p->end_reason) length = sizeof p->end_reason - 1;
  memcpy(p->end_reason, reason, length);
  p->end_reason[length] = 0;
  p->is_hanging_up = p->is_end_due = true;
  p->hung_up_at_ms = p->now_ms;
}

bool is_talking(const parley *p) {
  return (p->state == PARLEY_CONVERSATION || p->state == PARLEY_RESUMING) && !p->is_hanging_up;
}

void parley_mute(parley *p, bool muted) {
  if (p->is_muted == muted) return;
  p->is_muted = muted;
  if (is_talking(p)) line_key(&p->line, MARK_MUTE, muted, p->mic_offset);
}

void parley_push_to_talk(parley *p, bool pressed) {
  if (p->is_pressed == pressed || p->state == PARLEY_IDLE || p->state == PARLEY_ENDED) return;
  p->is_pressed = pressed;
  p->has_talk_key = true;
  p->stop = STOP_NONE; /* the floor is taken otherwise: that stops a reply as well, and what comes then is its answer */
  line_key(&p->line, MARK_TALK_KEY, pressed, p->mic_offset);
}

bool parley_say(parley *p, const char *text) {
  if (!is_talking(p) || !*text) return false;
  if (!p->say_ids) p->say_ids = p->ports.time.random(p->ports.time.self) | 1;
  if (!line_say(&p->line, text, p->say_ids++, p->mic_offset)) return false;
  p->stop = STOP_NONE; /* likewise */
  return true;
}

/* Time and sound */

static void tick_the_end(parley *p) {
  if (p->is_hanging_up && is_past(p->now_ms, p->hung_up_at_ms + HANG_UP_MS)) end_session(p, p->is_in_trouble, "");
  if (p->state != PARLEY_ENDED) return;
  uint32_t shown_ms = p->is_in_trouble ? TROUBLE_SHOWN_MS : SHOWN_MS;
  bool is_silent = !playout_is_underway(&p->playout) || is_past(p->now_ms, p->ended_at_ms + PLAY_OUT_MS);
  if (is_silent && is_past(p->now_ms, p->ended_at_ms + shown_ms)) {
    playout_reset(&p->playout);
    set_state(p, PARLEY_IDLE, "");
  }
}

void parley_tick(parley *p, const int16_t *microphone, int16_t *speaker, parley_latency latency) {
  p->now_ms = p->ports.time.now_ms(p->ports.time.self);
  uint32_t passed_ms = p->now_ms - p->ticked_ms;
  if (passed_ms > LONGEST_TICK_MS) passed_ms = LONGEST_TICK_MS;
  p->ticked_ms = p->now_ms;
  p->unbeaten_ms += passed_ms;
  p->input_latency = latency.input_samples;
  playout_clock(&p->playout, latency.output_samples);
  if (is_talking(p)) watch_for_speech(p, microphone);
  if (p->state == PARLEY_IDLE) {
    memset(speaker, 0, p->speaker_frame_samples * sizeof *speaker);
  } else {
    playout_pull(&p->playout, speaker, p->speaker_frame_samples);
  }
  note_far_level(p, speaker);
  capture_frame(p, microphone);
  report_happenings(p);
  report_in_time(p);
  note_lapsed_duck(p);
  calling_tick(p, passed_ms);
  tick_the_end(p);
  send_what_is_due(p);
}

void parley_poll(parley *p) {
  p->now_ms = p->ports.time.now_ms(p->ports.time.self);
  calling_tick(p, 0);
  send_what_is_due(p);
}

size_t parley_mic_samples(const parley *p) { return p->mic_frame_samples; }

size_t parley_speaker_samples(const parley *p) { return p->speaker_frame_samples; }

/* The connection */

void parley_connected(parley *p) {
  if (p->link != LINK_CALLING) return;
  p->now_ms = p->ports.time.now_ms(p->ports.time.self);
  p->link = LINK_OPENING;
  p->waiting_ms = p->quiet_ms = 0;
}

void parley_disconnected(parley *p, uint16_t close_code) {
  if (p->link == LINK_NONE) return;
  p->now_ms = p->ports.time.now_ms(p->ports.time.self);
  bool is_away = p->link == LINK_CALLING || close_code == 1001;
  lose_connection(p, p->link == LINK_CALLING ? "The server can't be reached." : "The connection broke off.", is_away);
}
