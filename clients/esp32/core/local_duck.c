/* The instant duck: a reply is lowered as soon as the person speaks, before any server could say so. */
#include <string.h>

#include "session.h"

enum {
  GAIN_MDB = -20000,
  UNARMED_MS = 1000,      /* after a duck, unless the voice fell silent first */
  COUPLING_HEADPHONES_DB = -60,
  COUPLING_CANCELLED_DB = -30 /* what an echo canceller leaves; it is learned */
};

void local_duck_reset(parley *p) {
  speech_init(&p->speech, p->config.echo == PARLEY_ECHO_HEADPHONES ? COUPLING_HEADPHONES_DB : COUPLING_CANCELLED_DB);
  memset(p->far_levels, 0, sizeof p->far_levels);
  p->is_duck_armed = true;
  p->unarmed_ms = 0;
}

static bool is_wanted(const parley *p) { return p->config.local_duck && p->config.echo != PARLEY_ECHO_SERVER; }

void note_far_level(parley *p, const int16_t *speaker) {
  if (!is_wanted(p)) return;
  p->far_at = (p->far_at + 1) % FAR_FRAMES;
  p->far_levels[p->far_at] = level_of(speaker, p->speaker_frame_samples);
}

/* The loudest that left the speaker while the last frame was captured: the latencies say when that was handed over. */
static int32_t far_level(const parley *p) {
  uint32_t back = (uint32_t)p->playout.latency / p->speaker_frame_samples + p->input_latency / p->mic_frame_samples;
  if (back > FAR_FRAMES - 3) back = FAR_FRAMES - 3;
  int32_t loudest = 0;
  for (uint32_t i = back; i < back + 3; i++) {
    int32_t level = p->far_levels[(p->far_at + FAR_FRAMES - i) % FAR_FRAMES];
    if (level > loudest) loudest = level;
  }
  return loudest;
}

void watch_for_speech(parley *p, const int16_t *microphone) {
  if (!is_wanted(p)) return;
  bool is_speech = speech_feed(&p->speech, microphone, p->mic_frame_samples, far_level(p)) && !p->is_muted;
  bool is_ducked = p->playout.fader.is_ducked;
  if (!is_ducked) p->unarmed_ms += PARLEY_FRAME_MS;
  if (!is_speech || p->unarmed_ms >= UNARMED_MS) p->is_duck_armed = true;
  bool is_sounding = playout_audible(&p->playout, 0).reply && playout_is_underway(&p->playout);
  if (!is_speech || !p->is_duck_armed || !is_sounding || is_ducked) return;
  fader_duck(&p->playout.fader, GAIN_MDB);
  p->is_duck_armed = false;
  p->unarmed_ms = 0;
  p->counters.local_ducks++;
  tell_plainly(p, PARLEY_EVENT_DUCK, NULL, 1, GAIN_MDB);
}

void note_lapsed_duck(parley *p) {
  if (!p->playout.fader.has_lapsed) return;
  p->playout.fader.has_lapsed = false;
  tell_plainly(p, PARLEY_EVENT_RELEASE, NULL, 1, 0);
}
