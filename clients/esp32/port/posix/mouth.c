#include "mouth.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void mouth_init(mouth *mouth) {
  memset(mouth, 0, sizeof *mouth);
  mouth->stream = -1;
}

bool mouth_stream(mouth *mouth, const char *path, char fault[FAULT_CHARS]) {
  mouth->stream = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (mouth->stream < 0 || fcntl(mouth->stream, F_SETFL, O_NONBLOCK) != 0) {
    snprintf(fault, FAULT_CHARS, "Cannot read %.120s: %s.", path, strerror(errno));
    return false;
  }
  return true;
}

bool mouth_say(mouth *mouth, sound sound) {
  if (mouth->count == MOUTH_SOUNDS) return false;
  if (sound.count) mouth->waiting[mouth->count++] = sound;
  return true;
}

void mouth_hush(mouth *mouth) {
  mouth->count = mouth->at = 0;
}

bool mouth_is_talking(const mouth *mouth) {
  return mouth->count > 0;
}

static size_t take_said(mouth *mouth, int16_t *samples, size_t count) {
  size_t done = 0;
  while (done < count && mouth->count) {
    sound *first = &mouth->waiting[0];
    size_t here = first->count - mouth->at < count - done ? first->count - mouth->at : count - done;
    sound_take(first, mouth->at, samples + done, here);
    done += here;
    mouth->at += here;
    if (mouth->at == first->count) {
      memmove(first, first + 1, --mouth->count * sizeof *first);
      mouth->at = 0;
    }
  }
  return done;
}

/* Read all that a stream has; what is more than the backlog holds is lost, the oldest first. */
static void fill_backlog(mouth *mouth) {
  for (;;) {
    if (mouth->backlog_size == sizeof mouth->backlog) {
      size_t half = sizeof mouth->backlog / 4 * 2;
      memmove(mouth->backlog, mouth->backlog + half, sizeof mouth->backlog - half);
      mouth->backlog_size -= half;
      mouth->dropped_samples += half / 2;
    }
    ssize_t got = read(mouth->stream, mouth->backlog + mouth->backlog_size, sizeof mouth->backlog - mouth->backlog_size);
    if (got <= 0) return;
    mouth->backlog_size += (size_t)got;
  }
}

static size_t take_streamed(mouth *mouth, int16_t *samples, size_t count) {
  fill_backlog(mouth);
  size_t here = mouth->backlog_size / 2 < count ? mouth->backlog_size / 2 : count;
  for (size_t i = 0; i < here; i++)
    samples[i] = (int16_t)(mouth->backlog[2 * i] | mouth->backlog[2 * i + 1] << 8);
  mouth->backlog_size -= 2 * here;
  memmove(mouth->backlog, mouth->backlog + 2 * here, mouth->backlog_size);
  return here;
}

void mouth_take(mouth *mouth, int16_t *samples, size_t count) {
  size_t done = mouth->count || mouth->stream < 0 ? take_said(mouth, samples, count)
                                                  : take_streamed(mouth, samples, count);
  memset(samples + done, 0, (count - done) * sizeof *samples);
}
