/* Sound in files: PCM16 with one channel, as WAV or raw. */
#ifndef PARLEY_POSIX_SOUND_FILE_H
#define PARLEY_POSIX_SOUND_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FAULT_CHARS 256

/* Sound in a file that is open: once, however many devices say it and however long it is. */
typedef struct {
  int file;
  uint64_t from; /* bytes before its first sample */
  size_t count;  /* of samples */
} sound;

/* Open a file. A name that ends in .wav is a WAV (PCM16, one channel, `rate_hz`), any other raw samples of that rate.
 * False: `fault` says in a sentence what is wrong with it. */
bool sound_open(const char *path, uint32_t rate_hz, sound *got, char fault[FAULT_CHARS]);
/* Give `count` samples from the one that is number `at`; silence in place of those that can't be read any more. */
void sound_take(const sound *sound, size_t at, int16_t *samples, size_t count);

typedef struct {
  FILE *file;
  bool is_wav;
  uint32_t rate_hz;
  uint64_t samples;
} recorder;

/* Begin a file: WAV if its name ends in .wav, else raw; "-" is standard output, raw. */
bool recorder_open(recorder *recorder, const char *path, uint32_t rate_hz, char fault[FAULT_CHARS]);
/* Add samples, little-endian; without a file it only counts them. */
void recorder_write(recorder *recorder, const int16_t *samples, size_t count);
/* End it: a WAV's head is written last. False: the disk was full, say. */
bool recorder_close(recorder *recorder);

#endif
