/* What can be known of a client from outside. */
#include "session.h"

parley_state parley_state_of(const parley *p) { return p->state; }

parley_activity parley_activity_of(const parley *p) { return p->activity; }

parley_light parley_light_of(const parley *p) {
  static const uint8_t lights[] = {[PARLEY_ACTIVITY_UNKNOWN] = PARLEY_LIGHT_READY,
                                   [PARLEY_ACTIVITY_IDLE] = PARLEY_LIGHT_READY,
                                   [PARLEY_ACTIVITY_LISTENING] = PARLEY_LIGHT_LISTENING,
                                   [PARLEY_ACTIVITY_THINKING] = PARLEY_LIGHT_THINKING,
                                   [PARLEY_ACTIVITY_SPEAKING] = PARLEY_LIGHT_SPEAKING,
                                   [PARLEY_ACTIVITY_BARGE_IN] = PARLEY_LIGHT_FLOOR};
  switch (p->state) {
    case PARLEY_IDLE:
      return PARLEY_LIGHT_OFF;
    case PARLEY_CONNECTING:
      return PARLEY_LIGHT_CONNECTING;
    case PARLEY_RESUMING:
      return PARLEY_LIGHT_RESUMING;
    case PARLEY_ENDED:
      return p->is_in_trouble ? PARLEY_LIGHT_TROUBLE : PARLEY_LIGHT_OFF;
    case PARLEY_CONVERSATION:
      break;
  }
  if (p->is_muted) return PARLEY_LIGHT_MUTED;
  if (p->playout.fader.is_ducked) return PARLEY_LIGHT_FLOOR;
  return (parley_light)lights[p->activity];
}

parley_counters parley_counters_of(const parley *p) {
  parley_counters counters = p->counters;
  counters.underruns = p->playout.underruns;
  counters.starved_samples = p->playout.starved_samples;
  counters.played_samples = p->playout.played_samples;
  counters.dropped_samples = p->playout.dropped_samples;
  counters.lost_mic_frames += p->line.lost_frames;
  counters.dropped_marks = p->line.dropped_marks;
  counters.start_threshold_ms = p->playout.threshold.ms;
  return counters;
}

const char *parley_state_name(parley_state state) {
  static const char *const names[] = {"idle", "connecting", "conversation", "resuming", "ended"};
  return names[state];
}

bool parley_is_ducked(const parley *p) { return p->playout.fader.is_ducked; }

bool parley_is_speaking(const parley *p) { return playout_is_underway(&p->playout); }

uint64_t parley_mic_offset(const parley *p) { return p->mic_offset; }
