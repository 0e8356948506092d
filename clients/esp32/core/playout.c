#include <string.h>

#include "playout_ring.h"
#include "queue.h"

enum {
  ANSWER_WITHIN_MS = 100, /* on a slower device (Bluetooth) a flush is answered before it is silent: what it holds is known */
  LONGEST_HOLE_MS = 500 /* a hole in a reply is played as silence; of a longer one the rest is skipped */
};

void playout_init(playout *p, uint32_t rate_hz, int16_t *ring, uint32_t capacity) {
  memset(p, 0, sizeof *p);
  p->rate_hz = rate_hz;
  p->ring = ring;
  p->capacity = capacity;
  threshold_init(&p->threshold);
  playout_reset(p);
}

void playout_reset(playout *p) {
  p->handed = p->played = p->latency = 0;
  p->floor = p->over = p->seq = p->flushed_seq = 0;
  p->head = p->count = p->run_count = 0;
  p->is_piece_wanted = false;
  p->happening_count = p->flush_count = 0;
  p->silent_at = 0;
  p->silent_head = (playhead){0, 0};
  fader_init(&p->fader, p->rate_hz);
  log_init(&p->log, p->rate_hz);
}

static void tell(playout *p, happening_kind kind, int64_t at, playhead head, uint64_t value) {
  /* Where nobody asked for so long, the oldest is of no use any more. */
  if (p->happening_count == LARGEST_HAPPENINGS) drop_oldest(p->happenings, &p->happening_count, sizeof p->happenings[0]);
  p->happenings[p->happening_count++] = (happening){kind, at, head, value};
}

/* The ring and its runs */

/* Take leave of runs that are dry and will not go on. */
static void finish(playout *p, int64_t at) {
  for (reply_run *run = first_run(p); run && !run->samples; run = first_run(p)) {
    if (p->run_count > 1 && run[1].reply == run->reply) { /* it goes on behind a hole */
      run[1].has_started = run->has_started;
      run[1].is_running = run->is_running;
    } else if (run->has_ended) {
      if (p->over < run->reply) p->over = run->reply;
      if (run->has_started) log_over(&p->log);
      playhead head = {run->reply, run->position};
      if (!run->is_cut) tell(p, LAST_SAMPLE, run->has_started ? log_end(&p->log) : at, head, 0);
    } else {
      return;
    }
    drop_oldest(p->runs, &p->run_count, sizeof p->runs[0]);
  }
}

static bool is_dead(const playout *p, uint64_t reply) { return reply <= p->floor || reply <= p->over; }

/* The run that takes samples of a reply; NULL: it can't be heard any more, or there is no room for another run. */
static reply_run *run_for(playout *p, uint64_t reply) {
  reply_run *last = last_run(p);
  if (is_dead(p, reply) || (last && last->reply > reply)) return NULL;
  if (last && last->reply == reply) return last->has_ended || last->is_cut ? NULL : last;
  if (last) last->has_ended = true; /* a higher one has overtaken it */
  if (p->run_count == LARGEST_QUEUED_RUNS) return NULL;
  finish(p, p->handed);
  p->runs[p->run_count] = (reply_run){.reply = reply};
  return &p->runs[p->run_count++];
}

void playout_piece(playout *p, playhead piece) {
  p->piece = piece;
  reply_run *run = run_for(p, piece.reply);
  p->is_piece_wanted = run != NULL;
  if (!run || run->samples || run->has_started) return;
  if (run->position == 0) run->position = piece.position; /* its first piece says where it begins */
}

uint32_t playout_room(const playout *p) { return p->capacity - p->count; }

static void push(playout *p, reply_run *run, const int16_t *samples, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    p->ring[(p->head + p->count + i) % p->capacity] = samples ? samples[i] : 0;
  }
  p->count += count;
  run->samples += count;
}

/* Close a hole between what there is and the piece: with silence, or by a run of its own. False: no room. */
static bool close_hole(playout *p, reply_run **run) {
  uint64_t end = (*run)->position + (*run)->samples;
  uint64_t hole = p->piece.position > end ? p->piece.position - end : 0;
  if (!hole) return true;
  if (hole <= samples_in(p, LONGEST_HOLE_MS)) {
    uint32_t room = playout_room(p), fill = hole < room ? (uint32_t)hole : room;
    push(p, *run, NULL, fill);
    return fill == hole;
  }
  if (!(*run)->samples) {
    (*run)->position = p->piece.position;
    return true;
  }
  if (p->run_count == LARGEST_QUEUED_RUNS) return false;
  p->runs[p->run_count] = (reply_run){.reply = (*run)->reply, .position = p->piece.position};
  *run = &p->runs[p->run_count++];
  return true;
}

uint32_t playout_samples(playout *p, const int16_t *samples, uint32_t count) {
  reply_run *run = p->is_piece_wanted ? run_for(p, p->piece.reply) : NULL;
  uint32_t known = 0;
  if (run) {
    uint64_t end = run->position + run->samples;
    if (p->piece.position < end) known = end - p->piece.position < count ? (uint32_t)(end - p->piece.position) : count;
  } else {
    known = count;
  }
  p->piece.position += known;
  p->dropped_samples += known;
  if (!run || known == count || !close_hole(p, &run)) return known;
  uint32_t room = playout_room(p), fresh = count - known < room ? count - known : room;
  push(p, run, samples + known, fresh);
  p->piece.position += fresh;
  return known + fresh;
}

void playout_reply_ended(playout *p, uint64_t reply) {
  reply_run *run = run_for(p, reply);
  if (!run) return;
  run->has_ended = true;
  finish(p, p->handed);
}

/* The device's side */

void playout_clock(playout *p, uint32_t latency) {
  p->latency = latency;
  if (p->handed - p->latency > p->played) p->played = p->handed - p->latency;
}

/* Let a reply sound, for the first time or after it ran dry. */
static void begin(playout *p, reply_run *run, int64_t at) {
  playhead here = {run->reply, run->position};
  run->is_running = true;
  if (!run->has_started) {
    run->has_started = true;
    tell(p, FIRST_SAMPLE, at, here, 0);
    return;
  }
  uint32_t silent = (uint32_t)(at - p->dry_since);
  p->underruns++;
  p->starved_samples += silent;
  threshold_ran_dry(&p->threshold, silent / (p->rate_hz / 1000));
  tell(p, RAN_DRY, at, here, silent);
}

/* The run whose samples stand at `at`; NULL when all is dry or a beginning is still being gathered. */
static reply_run *ready(playout *p, int64_t at) {
  finish(p, at);
  reply_run *run = first_run(p);
  if (!run) return NULL;
  if (!run->samples) {
    if (run->is_running) p->dry_since = at;
    run->is_running = false;
    return NULL;
  }
  uint32_t wanted = samples_in(p, p->threshold.ms), most = p->capacity / 2;
  bool is_enough = run->samples >= (wanted < most ? wanted : most) || p->count > most;
  if (!run->is_running && (run->has_ended || p->run_count > 1 || is_enough)) begin(p, run, at);
  return run->is_running ? run : NULL;
}

void playout_pull(playout *p, int16_t *samples, uint32_t count) {
  uint32_t filled = 0;
  for (reply_run *run; filled < count && (run = ready(p, p->handed + filled)) != NULL;) {
    uint32_t n = run->samples < count - filled ? run->samples : count - filled;
    for (uint32_t i = 0; i < n; i++) samples[filled + i] = p->ring[(p->head + i) % p->capacity];
    log_append(&p->log, p->handed + filled, (playhead){run->reply, run->position}, n);
    skip(p, n);
    run->samples -= n;
    run->position += n;
    filled += n;
  }
  p->played_samples += filled;
  threshold_played(&p->threshold, filled * 1000 / p->rate_hz);
  memset(samples + filled, 0, (count - filled) * sizeof *samples);
  p->handed += count;
  finish(p, p->handed);
  fader_apply(&p->fader, samples, count);
}

static bool is_answerable(const playout *p, const asked_flush *flush) {
  return p->handed - p->latency >= flush->silence.at || p->handed - flush->asked_at >= samples_in(p, ANSWER_WITHIN_MS);
}

bool playout_happened(playout *p, happening *told) {
  bool has_happened = p->happening_count && p->happenings[0].at <= p->played;
  bool is_silent = p->flush_count && is_answerable(p, &p->flushes[0]);
  if (has_happened && (!is_silent || p->happenings[0].at <= p->flushes[0].silence.at)) {
    *told = p->happenings[0];
    drop_oldest(p->happenings, &p->happening_count, sizeof p->happenings[0]);
    return true;
  }
  if (!is_silent) return false;
  *told = p->flushes[0].silence;
  drop_oldest(p->flushes, &p->flush_count, sizeof p->flushes[0]);
  return true;
}

playhead playout_head(const playout *p) { return log_at(&p->log, p->played); }

playhead playout_audible(const playout *p, int64_t samples_ago) { return log_audible_at(&p->log, p->played - samples_ago); }

bool playout_is_underway(const playout *p) { return p->run_count || p->played < log_end(&p->log); }

uint32_t playout_unplayed(const playout *p) {
  int64_t taken = log_end(&p->log) - p->played;
  return p->count + (taken > 0 ? (uint32_t)taken : 0);
}
