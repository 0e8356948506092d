/* What the speaker shall play, sample by sample: the replies in order, ducked, flushed, and accounted for.
 *
 * Time is the number of samples that the device has asked for. A sample counts as played when it has left the speaker,
 * which is `latency` samples after the device took it. */
#ifndef PARLEY_PLAYOUT_H
#define PARLEY_PLAYOUT_H

#include "fader.h"
#include "frames.h"
#include "playhead_log.h"
#include "start_threshold.h"

#define LARGEST_QUEUED_RUNS 6   /* runs of samples that wait: replies, and holes within them */
#define LARGEST_HAPPENINGS 16
#define LARGEST_FLUSHES 4       /* that wait to be answered */

typedef enum happening_kind { FIRST_SAMPLE, LAST_SAMPLE, RAN_DRY, FELL_SILENT } happening_kind;

/* Something that happens, or will, when the sample `at` leaves the speaker. */
typedef struct happening {
  happening_kind kind;
  int64_t at;
  playhead head;
  uint64_t value; /* FELL_SILENT: the flush's seq. RAN_DRY: samples of silence until it went on */
} happening;

/* A flush that waits to be answered. */
typedef struct asked_flush {
  happening silence; /* FELL_SILENT */
  int64_t asked_at;  /* when it came, in samples handed */
} asked_flush;

/* A run of samples in the ring. */
typedef struct reply_run {
  uint64_t reply;
  uint64_t position; /* of its first sample that waits */
  uint32_t samples;
  bool has_ended;    /* no audio of the reply follows */
  bool has_started;  /* its first sample has gone to the device */
  bool is_running;   /* it sounds, or sounded up to the last sample asked for */
  bool is_cut;       /* it was flushed, and only fades */
} reply_run;

typedef struct playout {
  int64_t handed; /* samples given to the device so far */
  int64_t played; /* samples that have left the speaker; it never goes back, even when the latency grows */
  int64_t latency;
  uint32_t rate_hz;
  uint64_t floor; /* no reply at or below this one is played (again) */
  uint64_t over;  /* nor this: it was played to its end */
  uint64_t seq;   /* the highest of duck, release and flush */
  uint64_t flushed_seq;
  uint32_t underruns, starved_samples, played_samples, dropped_samples;
  fader fader;
  start_threshold threshold;

  int16_t *ring;
  uint32_t capacity, head, count;
  uint32_t run_count;
  int64_t dry_since; /* when the reply that waits to go on ran dry */

  /* The piece that is being received. */
  playhead piece;       /* its next sample */
  bool is_piece_wanted;

  uint32_t happening_count;
  uint32_t flush_count;
  int64_t silent_at;
  playhead silent_head;

  reply_run runs[LARGEST_QUEUED_RUNS];
  asked_flush flushes[LARGEST_FLUSHES];
  playhead_log log;
  happening happenings[LARGEST_HAPPENINGS];
} playout;

void playout_init(playout *p, uint32_t rate_hz, int16_t *ring, uint32_t capacity);
/* Forget everything of a session; the threshold and the counters stay. */
void playout_reset(playout *p);

/* What the server sends */

/* A piece of a reply begins. Of a reply that is flushed, over or overtaken by a higher one, it will be dropped. */
void playout_piece(playout *p, playhead piece);
/* Samples of it; returns how many were taken: fewer only when the ring is full. */
uint32_t playout_samples(playout *p, const int16_t *samples, uint32_t count);
/* Samples for which there is room now. */
uint32_t playout_room(const playout *p);
/* No audio of the reply follows. */
void playout_reply_ended(playout *p, uint64_t reply);
/* Each is ignored when `seq` is not a new one; true: it was obeyed. */
bool playout_duck(playout *p, uint64_t seq, int32_t gain_mdb);
bool playout_release(playout *p, uint64_t seq);
/* Silence the output: 5 ms of fade, and nothing that is buffered or at or below `floor` is played after it. Always
 * answered with one FELL_SILENT. */
void playout_flush(playout *p, uint64_t seq, uint64_t floor);
/* Fall silent without anybody's order, and without an answer. */
void playout_silence(playout *p);

/* What the device asks for */

/* Note how far the speaker is from the air, before `playout_pull`: what it took before counts as played from now on. */
void playout_clock(playout *p, uint32_t latency);
void playout_pull(playout *p, int16_t *samples, uint32_t count);
/* What has happened at the speaker, in order. False: nothing more. */
bool playout_happened(playout *p, happening *told);

/* What is known of it */

playhead playout_head(const playout *p);
/* The playhead so many samples ago; reply 0 when none was audible then. */
playhead playout_audible(const playout *p, int64_t samples_ago);
/* Whether a reply is being played, is buffered, or is awaited to go on. */
bool playout_is_underway(const playout *p);
/* Samples received that have not left the speaker yet. */
uint32_t playout_unplayed(const playout *p);

#endif
