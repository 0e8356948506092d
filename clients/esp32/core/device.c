/* Audio, button and light round the core. */
#include "parley.h"

enum {
  DEBOUNCE_TICKS = 2,
  HOLD_TICKS = 20 /* 400 ms: whoever presses longer means to talk while holding */
};

/* Take the button's level; return whether it has just changed. */
static bool is_changed(parley_device *d) {
  bool level = d->button.is_down(d->button.self);
  if (level == d->is_down) {
    d->up_ticks = 0;
    return false;
  }
  if (++d->up_ticks < DEBOUNCE_TICKS) return false;
  d->up_ticks = 0;
  d->is_down = level;
  d->down_ticks = 0;
  return true;
}

/* Down from rest begins at once. What it means in a conversation is known when it is let go of, or held for long. */
static void press(parley_device *d) {
  if (!d->button.is_down) return;
  bool changed = is_changed(d);
  parley_state state = parley_state_of(d->core);
  if (changed && d->is_down) {
    d->is_held = false;
    d->has_started = state == PARLEY_IDLE || state == PARLEY_ENDED;
    if (d->has_started) parley_start(d->core);
  } else if (changed) {
    if (d->is_held) {
      parley_push_to_talk(d->core, false);
    } else if (!d->has_started) {
      parley_end(d->core, "the button was pressed");
    }
  } else if (d->is_down && !d->is_held && ++d->down_ticks >= HOLD_TICKS) {
    d->is_held = true;
    parley_push_to_talk(d->core, true);
  }
}

static void show(parley_device *d) {
  parley_light light = parley_light_of(d->core);
  if (!d->light.show || (d->has_light && light == d->shown)) return;
  d->has_light = true;
  d->shown = light;
  d->light.show(d->light.self, light);
}

static void lock(parley_device *d, bool locked) {
  if (d->lock) d->lock(d->lock_self, locked);
}

bool parley_device_step(parley_device *d, int16_t *microphone, int16_t *speaker) {
  if (!d->audio.capture(d->audio.self, microphone, parley_mic_samples(d->core))) return false;
  parley_latency latency = d->audio.latency(d->audio.self);
  lock(d, true);
  press(d);
  parley_tick(d->core, microphone, speaker, latency);
  bool is_active = parley_state_of(d->core) != PARLEY_IDLE;
  lock(d, false);
  d->audio.play(d->audio.self, speaker, parley_speaker_samples(d->core));
  if (d->audio.active && is_active != d->was_active) d->audio.active(d->audio.self, is_active);
  d->was_active = is_active;
  lock(d, true);
  show(d);
  lock(d, false);
  return true;
}
