#include "playhead_log.h"

#include <string.h>

/* A reply that has run dry without an end counts as audible this long: it may go on any moment. */
enum { STALL_MS = 400 };

static const playhead nowhere = {0, 0};

void log_init(playhead_log *log, uint32_t rate_hz) {
  memset(log, 0, sizeof *log);
  log->stall_samples = rate_hz / 1000 * STALL_MS;
}

static const played_span *span_number(const playhead_log *log, uint32_t i) {
  return &log->spans[(log->first + i) % LOGGED_SPANS];
}

static playhead head_in(const played_span *span, int64_t moment) {
  int64_t into = moment - span->at;
  if (into > span->samples) into = span->samples;
  return (playhead){span->head.reply, span->head.position + (uint64_t)(into > 0 ? into : 0)};
}

int64_t log_end(const playhead_log *log) {
  if (!log->count) return 0;
  const played_span *last = span_number(log, log->count - 1);
  return last->at + last->samples;
}

void log_append(playhead_log *log, int64_t at, playhead head, uint32_t samples) {
  if (log->count && log_end(log) == at) {
    playhead end = log_at(log, at);
    if (end.reply == head.reply && end.position == head.position) {
      log->spans[(log->first + log->count - 1) % LOGGED_SPANS].samples += samples;
      return;
    }
  }
  if (log->count == LOGGED_SPANS) {
    log->first = (log->first + 1) % LOGGED_SPANS;
    log->count--;
  }
  log->spans[(log->first + log->count++) % LOGGED_SPANS] = (played_span){at, head, samples};
}

void log_over(playhead_log *log) { log->over = log_end(log); }

static const played_span *span_at(const playhead_log *log, int64_t moment) {
  for (uint32_t i = log->count; i > 0; i--) {
    const played_span *span = span_number(log, i - 1);
    if (span->at <= moment) return span;
  }
  return NULL;
}

playhead log_at(const playhead_log *log, int64_t moment) {
  const played_span *span = span_at(log, moment);
  return span ? head_in(span, moment) : nowhere;
}

playhead log_audible_at(const playhead_log *log, int64_t moment) {
  const played_span *span = span_at(log, moment);
  if (!span) return nowhere;
  int64_t end = span->at + span->samples, silent = moment - end;
  bool is_stall = silent < log->stall_samples && end > log->over;
  return silent < 0 || is_stall ? head_in(span, moment) : nowhere;
}
