#include "sound_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define KNOWN_FILES 64
#define PIECE_SAMPLES 960 /* 20 ms at 48 kHz */
#define WAV_HEAD_BYTES 44

static struct {
  char path[256];
  uint32_t rate_hz;
  sound sound;
} known[KNOWN_FILES];
static size_t files_known;

static uint32_t little(const uint8_t *at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = bytes; i > 0; i--) value = value << 8 | at[i - 1];
  return value;
}

static bool is_wav_name(const char *path) {
  size_t length = strlen(path);
  return length >= 4 && strcasecmp(path + length - 4, ".wav") == 0;
}

/* Find the samples in a WAV of `size` bytes. Returns why there are none, or NULL. */
static const char *find_samples(sound *got, uint64_t size, uint32_t rate_hz) {
  uint8_t head[12], chunk[16];
  if (pread(got->file, head, sizeof head, 0) != sizeof head || memcmp(head, "RIFF", 4) != 0 ||
      memcmp(head + 8, "WAVE", 4) != 0)
    return "it is no WAV";
  bool fits = false;
  for (uint64_t at = sizeof head; pread(got->file, head, 8, (off_t)at) == 8;) {
    uint64_t length = little(head + 4, 4), here = length < size - at - 8 ? length : size - at - 8;
    at += 8;
    if (memcmp(head, "fmt ", 4) == 0 && here >= 16) {
      if (pread(got->file, chunk, sizeof chunk, (off_t)at) != sizeof chunk) break;
      if (little(chunk, 2) != 1 || little(chunk + 14, 2) != 16) return "it is not PCM with 16 bits a sample";
      if (little(chunk + 2, 2) != 1) return "it has more than one channel";
      if (little(chunk + 4, 4) != rate_hz) return "it has another rate than the microphone";
      fits = true;
    }
    if (memcmp(head, "data", 4) == 0 && fits) {
      got->from = at;
      got->count = (size_t)(here / 2);
      return NULL;
    }
    at += here + (here & 1);
  }
  return "it is cut off";
}

static bool cannot(char fault[FAULT_CHARS], const char *path, const char *why) {
  snprintf(fault, FAULT_CHARS, "Cannot read %.120s: %s.", path, why);
  return false;
}

bool sound_open(const char *path, uint32_t rate_hz, sound *got, char fault[FAULT_CHARS]) {
  for (size_t i = 0; i < files_known; i++) {
    if (known[i].rate_hz == rate_hz && strcmp(known[i].path, path) == 0) {
      *got = known[i].sound;
      return true;
    }
  }
  if (files_known == KNOWN_FILES || strlen(path) >= sizeof known[0].path) {
    snprintf(fault, FAULT_CHARS, "Cannot read %.120s: %d files are the most, with names of 255 characters.", path,
             KNOWN_FILES);
    return false;
  }
  struct stat about;
  sound opened = {.file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)}; /* a FIFO without a writer is not waited for */
  if (opened.file < 0) return cannot(fault, path, strerror(errno));
  if (fstat(opened.file, &about) != 0 || !S_ISREG(about.st_mode)) {
    close(opened.file);
    return cannot(fault, path, "it is no file");
  }
  opened.count = (size_t)about.st_size / 2;
  const char *why = is_wav_name(path) ? find_samples(&opened, (uint64_t)about.st_size, rate_hz) : NULL;
  if (why) {
    close(opened.file);
    snprintf(fault, FAULT_CHARS, "Cannot say %.100s: %s. It must be a WAV of PCM16, one channel, %u Hz.", path, why,
             rate_hz);
    return false;
  }
  strcpy(known[files_known].path, path);
  known[files_known].rate_hz = rate_hz;
  *got = known[files_known++].sound = opened;
  return true;
}

void sound_take(const sound *sound, size_t at, int16_t *samples, size_t count) {
  uint8_t bytes[2 * PIECE_SAMPLES];
  for (size_t done = 0; done < count;) {
    size_t here = count - done < PIECE_SAMPLES ? count - done : PIECE_SAMPLES;
    ssize_t got = pread(sound->file, bytes, 2 * here, (off_t)(sound->from + 2 * (uint64_t)(at + done)));
    size_t whole = got > 0 ? (size_t)got / 2 : 0;
    for (size_t i = 0; i < here; i++) samples[done + i] = i < whole ? (int16_t)little(bytes + 2 * i, 2) : 0;
    done += here;
  }
}

static void put(uint8_t *at, uint32_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static void write_head(recorder *recorder) {
  uint64_t size = recorder->samples * 2;
  uint32_t bytes = size > UINT32_MAX - WAV_HEAD_BYTES ? UINT32_MAX - WAV_HEAD_BYTES : (uint32_t)size;
  uint8_t head[WAV_HEAD_BYTES] = "RIFF....WAVEfmt ";
  put(head + 4, bytes + WAV_HEAD_BYTES - 8, 4);
  put(head + 16, 16, 4);
  put(head + 20, 1, 2);
  put(head + 22, 1, 2);
  put(head + 24, recorder->rate_hz, 4);
  put(head + 28, recorder->rate_hz * 2, 4);
  put(head + 32, 2, 2);
  put(head + 34, 16, 2);
  memcpy(head + 36, "data", 4);
  put(head + 40, bytes, 4);
  fwrite(head, 1, sizeof head, recorder->file);
}

bool recorder_open(recorder *recorder, const char *path, uint32_t rate_hz, char fault[FAULT_CHARS]) {
  memset(recorder, 0, sizeof *recorder);
  recorder->rate_hz = rate_hz;
  recorder->is_wav = is_wav_name(path);
  recorder->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
  if (!recorder->file) {
    snprintf(fault, FAULT_CHARS, "Cannot write %.120s: %s.", path, strerror(errno));
    return false;
  }
  if (recorder->is_wav) {
    write_head(recorder);
  } else {
    setvbuf(recorder->file, NULL, _IONBF, 0); /* whoever listens at a FIFO hears it as it is played */
  }
  return true;
}

void recorder_write(recorder *recorder, const int16_t *samples, size_t count) {
  recorder->samples += count;
  if (!recorder->file) return;
  uint8_t bytes[2 * 1920]; /* 40 ms at 48 kHz */
  for (size_t done = 0; done < count;) {
    size_t here = count - done < sizeof bytes / 2 ? count - done : sizeof bytes / 2;
    for (size_t i = 0; i < here; i++) put(bytes + 2 * i, (uint16_t)samples[done + i], 2);
    fwrite(bytes, 2, here, recorder->file);
    done += here;
  }
}

bool recorder_close(recorder *recorder) {
  if (!recorder->file) return true;
  FILE *file = recorder->file;
  recorder->file = NULL;
  if (file == stdout) return fflush(file) == 0;
  bool well = !ferror(file);
  if (recorder->is_wav && fseek(file, 0, SEEK_SET) == 0) {
    recorder->file = file;
    write_head(recorder);
    recorder->file = NULL;
  }
  return fclose(file) == 0 && well;
}
