/* What a message of the server's does. */
#include <string.h>

#include "session.h"

static uint32_t hashed(uint32_t hash, const void *bytes, size_t count) { /* FNV-1a */
  const uint8_t *at = bytes;
  for (size_t i = 0; i < count; i++) hash = (hash ^ at[i]) * 16777619U;
  return hash;
}

/* Whether a caption came before, word for word: after a resumption some are told again. */
static bool is_known_caption(parley *p, const message *got) {
  uint32_t begin = 2166136261U ^ got->who << 8 ^ got->final;
  /* `reply`, `position` and `turn` stand side by side. */
  uint32_t hash = hashed(hashed(begin, (const uint8_t *)got + offsetof(message, reply), 3 * sizeof got->reply), got->words, strlen(got->words));
  if (!got->final && got->who != 2) return false;
  bool is_known = false;
  for (uint32_t i = 0; i < KNOWN_CAPTIONS && p->has_resumed; i++) is_known |= p->captions[i] == hash;
  p->captions[p->caption_at] = hash;
  p->caption_at = (p->caption_at + 1) % KNOWN_CAPTIONS;
  return is_known;
}

static void show_caption(parley *p, const message *got) {
  bool is_late = got->who == 2 && !got->final && got->reply <= p->playout.floor; /* on its way when it was flushed */
  if (is_late || is_known_caption(p, got)) return;
  tell(p, &(parley_event){.kind = PARLEY_EVENT_CAPTION,
                         .words = got->words,
                         .words_cut = got->words_cut,
                         .final = got->final,
                         .interrupted = got->interrupted,
                         .who = (uint8_t)got->who,
                         .reply = got->reply,
                         .position = got->position,
                         .turn = got->turn});
}

static void show_report(parley *p, const message *got) {
  for (uint32_t i = 0; i < got->stage_count; i++) {
    tell(p, &(parley_event){.kind = PARLEY_EVENT_STAGE,
                           .words = got->stages[i].name,
                           .reply = got->reply,
                           .turn = got->turn,
                           .value = got->stages[i].us});
  }
}

static void show_words(parley *p, parley_event_kind kind, const message *got) {
  tell_plainly(p, kind, got->words, (int32_t)got->code, got->retryable);
}

static void error_came(parley *p, const message *got) {
  const char *words = got->words[0] ? got->words : "The server ended the conversation without a reason.";
  bool is_ours = got->code == ERROR_SUPERSEDED && p->may_be_answered_late; /* an earlier call of ours was answered late */
  show_words(p, PARLEY_EVENT_ERROR, got);
  if (p->link == LINK_OPENING) {
    if (got->retryable || is_ours) {
      calling_failed(p, words, false);
    } else {
      end_session(p, true, words);
    }
  } else if (is_resumption_offered(p) && ((got->code == ERROR_LIMIT && got->retryable) || is_ours)) {
    lose_connection(p, words, false);
  } else {
    end_session(p, true, words);
  }
}

static void closed_came(parley *p, const message *got) {
  show_words(p, PARLEY_EVENT_CLOSED, got);
  if (got->code == CLOSED_DRAINING && (p->link == LINK_OPENING || is_resumption_offered(p))) {
    lose_connection(p, got->words, true);
  } else {
    end_session(p, p->is_in_trouble, got->words);
  }
}

void act(parley *p, const message *got) {
  switch (got->kind) {
    case MESSAGE_OPENED:
      opened_came(p, got);
      break;
    case MESSAGE_REPLY_ENDED:
      note_received(p, (playhead){got->reply, got->samples});
      playout_reply_ended(&p->playout, got->reply);
      break;
    case MESSAGE_DUCK:
      if (!playout_duck(&p->playout, got->seq, got->gain_mdb)) break;
      tell_plainly(p, PARLEY_EVENT_DUCK, NULL, 2, got->gain_mdb);
      break;
    case MESSAGE_RELEASE:
      if (!playout_release(&p->playout, got->seq)) break;
      tell_plainly(p, PARLEY_EVENT_RELEASE, NULL, 2, 0);
      break;
    case MESSAGE_FLUSH:
      if (got->seq > p->playout.seq) p->stop = STOP_NONE; /* an old one, told again, answers no key */
      playout_flush(&p->playout, got->seq, got->floor);
      break;
    case MESSAGE_CAPTION:
      show_caption(p, got);
      break;
    case MESSAGE_STATE:
      p->activity = (parley_activity)got->state;
      tell_plainly(p, PARLEY_EVENT_ACTIVITY, NULL, (int32_t)got->state, 0);
      break;
    case MESSAGE_TURN_REPORT:
      show_report(p, got);
      break;
    case MESSAGE_ERROR:
      error_came(p, got);
      break;
    case MESSAGE_DRAINING:
      /* There is one connection, so the old one is left for the new: the lead of the reply covers the change. */
      if (is_resumption_offered(p)) lose_connection(p, "The server goes away.", true);
      break;
    case MESSAGE_CLOSED:
      closed_came(p, got);
      break;
    case MESSAGE_NOTICE:
      show_words(p, PARLEY_EVENT_NOTICE, got);
      break;
    case MESSAGE_HEARD:
      line_heard(&p->line, got->received_offset);
      break;
    case MESSAGE_HEARTBEAT:
    case MESSAGE_AUDIO:
    case MESSAGE_NONE:
      break;
  }
}
