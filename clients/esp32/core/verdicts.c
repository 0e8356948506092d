/* What the server decides about the output: duck, release, flush. */
#include "playout_ring.h"
#include "queue.h"

enum { FADE_MS = 5 }; /* an instant cut clicks, a longer fade is heard as more speech */

static bool is_new(playout *p, uint64_t seq) {
  if (seq <= p->seq) return false;
  p->seq = seq;
  return true;
}

bool playout_duck(playout *p, uint64_t seq, int32_t gain_mdb) {
  if (!is_new(p, seq)) return false;
  fader_duck(&p->fader, gain_mdb);
  return true;
}

bool playout_release(playout *p, uint64_t seq) {
  if (!is_new(p, seq)) return false;
  fader_release(&p->fader);
  return true;
}

/* Fade the next samples to nothing, from the present gain. */
static void fade_out(playout *p, reply_run *run) {
  uint32_t length = samples_in(p, FADE_MS);
  if (run->samples < length) length = run->samples;
  int32_t gain = p->fader.gain, step = length ? gain / (int32_t)length : 0;
  for (uint32_t i = 0; i < length; i++) {
    gain -= step;
    int16_t *sample = &p->ring[(p->head + i) % p->capacity];
    *sample = i + 1 == length ? 0 : sample_at(*sample, gain);
  }
  p->dropped_samples += p->count - length;
  p->count = run->samples = length;
  run->has_ended = run->is_cut = true;
}

/* Drop every reply up to `floor`; of the one that sounds, a fade of 5 ms is left to be played. */
static void cut(playout *p, uint64_t floor) {
  if (p->floor < floor) p->floor = floor;
  int64_t end = log_end(&p->log);
  playhead head = log_at(&p->log, end);
  reply_run *sounding = first_run(p);
  bool was_any = false;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < p->run_count; i++) was_any |= p->runs[i].reply <= p->floor;
  if (sounding && sounding->reply <= p->floor && sounding->is_running && sounding->samples) {
    /* Nothing above the floor waits here: the server sends it only after the flush. If it did, it would go as well. */
    fade_out(p, sounding);
    end = p->handed + sounding->samples;
    head = (playhead){sounding->reply, sounding->position + sounding->samples};
    p->run_count = 1;
  } else if (was_any) {
    for (uint32_t i = 0; i < p->run_count; i++) {
      if (p->runs[i].reply <= p->floor) {
        skip(p, p->runs[i].samples);
        p->dropped_samples += p->runs[i].samples;
      } else {
        p->runs[kept++] = p->runs[i];
      }
    }
    p->run_count = kept;
  }
  if (was_any || !p->run_count) {
    p->silent_at = end;
    p->silent_head = head;
    fader_reset(&p->fader);
    log_over(&p->log);
  }
}

static uint64_t highest_reply(playout *p) {
  reply_run *last = last_run(p);
  uint64_t played = log_at(&p->log, log_end(&p->log)).reply;
  return last && last->reply > played ? last->reply : played;
}

void playout_flush(playout *p, uint64_t seq, uint64_t floor) {
  if (is_new(p, seq)) {
    p->flushed_seq = seq;
    uint64_t highest = highest_reply(p);
    cut(p, floor > highest ? floor : highest);
  } else if (seq == p->flushed_seq && floor > p->floor) {
    cut(p, floor);
  }
  bool is_known = seq == p->flushed_seq;
  int64_t at = is_known && p->silent_at > p->played ? p->silent_at : p->played;
  happening silence = {FELL_SILENT, at, is_known ? p->silent_head : playout_head(p), seq};
  if (p->flush_count == LARGEST_FLUSHES) { /* the newest are the ones that count */
    drop_oldest(p->flushes, &p->flush_count, sizeof p->flushes[0]);
  }
  p->flushes[p->flush_count++] = (asked_flush){silence, p->handed};
}

void playout_silence(playout *p) { cut(p, highest_reply(p)); }
