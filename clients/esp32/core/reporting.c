/* What the speaker did, told to the server and to the listener. */
#include "queue.h"
#include "session.h"

enum { REPORT_MS = 200 };

/* The last report of each of the newest replies is kept, in the order of the replies. */
static void keep_report(parley *p, const playback_request *report) {
  for (uint32_t i = 0; i < p->kept_report_count; i++) {
    if (p->kept_reports[i].head.reply == report->head.reply) {
      p->kept_reports[i] = *report;
      return;
    }
  }
  if (p->kept_report_count == REPORTED_REPLIES) {
    drop_oldest(p->kept_reports, &p->kept_report_count, sizeof p->kept_reports[0]);
  }
  p->kept_reports[p->kept_report_count++] = *report;
}

static void report(parley *p, playhead head, int64_t at, bool ended) {
  p->reported_at = p->playout.played;
  playback_request playback = {.head = head,
                               .mic_offset = mic_offset_at(p, at),
                               .buffered_ms = playout_unplayed(&p->playout) / (p->config.output.rate_hz / 1000),
                               .underruns = p->playout.underruns,
                               .ended = ended};
  keep_report(p, &playback);
  if (p->state == PARLEY_RESUMING) return; /* it will be said then */
  if (p->report_count == LARGEST_REPORTS) drop_oldest(p->reports, &p->report_count, sizeof p->reports[0]);
  p->reports[p->report_count++] = playback;
}

static void answer_flush(parley *p, const happening *silent) {
  p->last_flushed = (flushed_request){silent->value, silent->head, mic_offset_at(p, silent->at)};
  p->has_flushed = true;
  if (p->state == PARLEY_RESUMING) return;
  if (p->flushed_count == LARGEST_FLUSHES) drop_oldest(p->flushed, &p->flushed_count, sizeof p->flushed[0]);
  p->flushed[p->flushed_count++] = p->last_flushed;
}

void report_happenings(parley *p) {
  static const uint8_t events[] = {[FIRST_SAMPLE] = PARLEY_EVENT_REPLY_STARTED,
                                   [LAST_SAMPLE] = PARLEY_EVENT_REPLY_PLAYED,
                                   [RAN_DRY] = PARLEY_EVENT_UNDERRUN,
                                   [FELL_SILENT] = PARLEY_EVENT_SILENCED};
  happening told;
  while (playout_happened(&p->playout, &told)) {
    uint32_t value = (uint32_t)told.value;
    if (told.kind == RAN_DRY) value /= p->config.output.rate_hz / 1000;
    tell(p, &(parley_event){.kind = (parley_event_kind)events[told.kind],
                           .reply = told.head.reply,
                           .position = told.head.position,
                           .value = (int32_t)value,
                           .mic_offset = mic_offset_at(p, told.at)});
    if (told.kind == FELL_SILENT) {
      answer_flush(p, &told);
    } else {
      report(p, told.head, told.at, told.kind == LAST_SAMPLE);
    }
  }
}

void report_in_time(parley *p) {
  int64_t due = p->speaker_frame_samples * (REPORT_MS / PARLEY_FRAME_MS);
  if (p->playout.played - p->reported_at < due || !playout_is_underway(&p->playout)) return;
  report(p, playout_head(&p->playout), p->playout.played, false);
}
