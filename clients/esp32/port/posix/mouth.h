/* The microphone's side: sounds that wait to be said, or a stream of raw samples; silence where there is nothing. */
#ifndef PARLEY_POSIX_MOUTH_H
#define PARLEY_POSIX_MOUTH_H

#include "sound_file.h"

#define MOUTH_SOUNDS 32
#define MOUTH_BACKLOG_SAMPLES 9600 /* of a stream, 200 ms at 48 kHz: older ones are dropped and counted */

typedef struct {
  sound waiting[MOUTH_SOUNDS];
  size_t count;
  size_t at; /* in the first of them */
  int stream; /* -1: none */
  uint8_t backlog[2 * MOUTH_BACKLOG_SAMPLES];
  size_t backlog_size;
  uint64_t dropped_samples;
} mouth;

void mouth_init(mouth *mouth);
/* Read a stream of raw samples from now on. */
bool mouth_stream(mouth *mouth, const char *path, char fault[FAULT_CHARS]);
/* Say this after what is still being said. False: 32 sounds wait already. */
bool mouth_say(mouth *mouth, sound sound);
/* Say no more of what is still to be said. */
void mouth_hush(mouth *mouth);
bool mouth_is_talking(const mouth *mouth);
/* Give the next samples. */
void mouth_take(mouth *mouth, int16_t *samples, size_t count);

#endif
