#include "events.h"

#include <inttypes.h>
#include <time.h>

static const char *const names[] = {
    [PARLEY_EVENT_STATE] = "state",
    [PARLEY_EVENT_OPENED] = "opened",
    [PARLEY_EVENT_RESUMED] = "resumed",
    [PARLEY_EVENT_ACTIVITY] = "activity",
    [PARLEY_EVENT_CAPTION] = "caption",
    [PARLEY_EVENT_REPLY_STARTED] = "reply_started",
    [PARLEY_EVENT_REPLY_PLAYED] = "reply_played",
    [PARLEY_EVENT_UNDERRUN] = "underrun",
    [PARLEY_EVENT_SILENCED] = "silenced",
    [PARLEY_EVENT_DUCK] = "duck",
    [PARLEY_EVENT_RELEASE] = "release",
    [PARLEY_EVENT_STAGE] = "stage",
    [PARLEY_EVENT_NOTICE] = "notice",
    [PARLEY_EVENT_ERROR] = "error",
    [PARLEY_EVENT_CLOSED] = "closed",
};

uint64_t events_now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Write text as JSON's string. What is no UTF-8 (words that were cut in the middle) becomes U+FFFD. */
static void write_string(FILE *file, const char *text) {
  fputc('"', file);
  for (const unsigned char *at = (const unsigned char *)text; *at;) {
    unsigned more = *at < 0x80 ? 0 : *at >> 5 == 6 ? 1 : *at >> 4 == 14 ? 2 : *at >> 3 == 30 ? 3 : 9;
    unsigned good = 0;
    while (more < 9 && good < more && at[1 + good] >> 6 == 2) good++;
    if (more == 9 || good < more) {
      fputs("\xef\xbf\xbd", file);
      at += 1 + good;
    } else if (*at < 0x20 || *at == '"' || *at == '\\') {
      fprintf(file, "\\u%04x", *at++);
    } else {
      fwrite(at, 1, more + 1, file);
      at += more + 1;
    }
  }
  fputc('"', file);
}

/* Every line begins alike: whose, what, when by the clock (ms) and by the samples that the speaker was given. */
static void begin(device *device, const char *name) {
  double ms = (double)(events_now_us() - device->started_us) / 1000;
  fprintf(device->events, "{\"device\":%u,\"event\":\"%s\",\"ms\":%.1f,\"played\":%" PRIu64, device->number, name, ms,
          device->recorder.samples);
}

static void end(device *device) {
  fputs("}\n", device->events);
  fflush(device->events);
}

void events_tell(device *device, const parley_event *event) {
  if (!device->events || (size_t)event->kind >= sizeof names / sizeof *names) return;
  FILE *file = device->events;
  begin(device, names[event->kind]);
  fprintf(file, ",\"mic_offset\":%" PRIu64, event->mic_offset);
  if (event->reply) fprintf(file, ",\"reply\":%" PRIu64 ",\"position\":%" PRIu64, event->reply, event->position);
  if (event->turn) fprintf(file, ",\"turn\":%" PRIu64, event->turn);
  if (event->value) fprintf(file, ",\"value\":%" PRId32, event->value);
  if (event->value2) fprintf(file, ",\"value2\":%" PRId32, event->value2);
  if (event->kind == PARLEY_EVENT_STATE)
    fprintf(file, ",\"state\":\"%s\"", parley_state_name(parley_state_of(device->whole.core)));
  if (event->kind == PARLEY_EVENT_CAPTION)
    fprintf(file, ",\"who\":\"%s\",\"final\":%s,\"interrupted\":%s", event->who == 1 ? "person" : "assistant",
            event->final ? "true" : "false", event->interrupted ? "true" : "false");
  if (*event->words) {
    fputs(",\"words\":", file);
    write_string(file, event->words);
  }
  if (event->words_cut) fputs(",\"words_cut\":true", file);
  end(device);
}

void events_tell_own(device *device, const char *name, const char *words) {
  if (!device->events) return;
  begin(device, name);
  fprintf(device->events, ",\"mic_offset\":%" PRIu64, parley_mic_offset(device->whole.core));
  if (*words) {
    fputs(",\"words\":", device->events);
    write_string(device->events, words);
  }
  end(device);
}
