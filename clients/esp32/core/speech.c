#include "speech.h"

#include <string.h>

#define DB(x) ((x) * 85)

enum {
  QUIETEST = DB(24),    /* nobody speaks below about -66 dBFS */
  ABOVE_FLOOR = DB(10), /* speech stands out so far from the background… */
  ABOVE_ECHO = DB(8),   /* … and from what may be echo */
  ONSET_FRAMES = 4,     /* 80 ms: a click or a knock is shorter */
  HANG_FRAMES = 10,
  FLOOR_RISE = DB(1) / 16,  /* per frame: 3 dB a second */
  ECHO_DECAY = DB(1)        /* per frame: a room's reverberation */
};

void speech_init(speech_detector *d, int32_t coupling_db) {
  memset(d, 0, sizeof *d);
  d->coupling = DB(coupling_db);
}

static int32_t log2_of(uint32_t value) {
  int32_t whole = 0;
  if (!value) return 0;
  for (uint32_t rest = value; rest > 1; rest >>= 1) whole++;
  uint32_t fraction = whole >= 8 ? value >> (whole - 8) : value << (8 - whole);
  return whole * 256 + (int32_t)(fraction & 255);
}

int32_t level_of(const int16_t *samples, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += (uint32_t)(samples[i] * samples[i]);
  return count ? log2_of((uint32_t)(sum / count)) : 0;
}

/* The level without what lies below some 80 Hz (mains, wind, a DC offset), and how often the sign changes. */
static int32_t measure(speech_detector *d, const int16_t *samples, size_t count, uint32_t *crossings) {
  uint64_t sum = 0;
  bool was_negative = d->filtered < 0;
  for (size_t i = 0; i < count; i++) {
    d->filtered += (samples[i] - d->last) * 16 - d->filtered / 32; /* in sixteenths, so that it dies away to nothing */
    d->last = samples[i];
    int32_t value = d->filtered / 32;
    sum += (uint64_t)(uint32_t)(value * value);
    bool is_negative = d->filtered < 0;
    *crossings += is_negative != was_negative;
    was_negative = is_negative;
  }
  return count ? log2_of((uint32_t)(sum / count)) + 512 : 0; /* + 512: it was halved */
}

static void follow_floor(speech_detector *d, bool is_loud) {
  if (!d->has_floor || d->level < d->floor) {
    d->floor = d->has_floor ? d->floor + (d->level - d->floor) / 4 : d->level;
    d->has_floor = true;
  } else if (!is_loud) {
    d->floor += (d->level - d->floor) / 32 + 1;
  } else {
    d->floor += FLOOR_RISE / 4;
  }
}

/* Learn how loud the echo is where a reply sounds and nobody is taken for speaking. */
static void follow_echo(speech_detector *d, int32_t far_level) {
  int32_t now = far_level ? far_level + d->coupling : 0;
  d->echo = now > d->echo - ECHO_DECAY ? now : d->echo - ECHO_DECAY;
  if (!far_level || d->is_speech || d->level < d->floor + DB(3)) return;
  int32_t heard = d->level - far_level;
  d->coupling += heard > d->coupling ? (heard - d->coupling) / 16 : (heard - d->coupling) / 64;
}

bool speech_feed(speech_detector *d, const int16_t *samples, size_t count, int32_t far_level) {
  uint32_t crossings = 0;
  d->level = measure(d, samples, count, &crossings);
  follow_echo(d, far_level);
  bool is_hiss = crossings * 3 > count; /* more like breath or noise than like a voice */
  bool is_loud = d->has_floor && d->level > QUIETEST && d->level > d->floor + ABOVE_FLOOR && d->level > d->echo + ABOVE_ECHO;
  follow_floor(d, is_loud);
  if (is_loud && !is_hiss) {
    d->quiet_frames = 0;
    if (d->loud_frames < ONSET_FRAMES) d->loud_frames++;
  } else {
    d->loud_frames = 0;
    if (d->quiet_frames < HANG_FRAMES) d->quiet_frames++;
  }
  if (d->loud_frames == ONSET_FRAMES) d->is_speech = true;
  if (d->quiet_frames == HANG_FRAMES) d->is_speech = false;
  return d->is_speech;
}
