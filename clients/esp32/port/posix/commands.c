#include "commands.h"

#include "events.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRESS_TICKS 5 /* a short press is 100 ms */

static bool say(device *device, const char *path, char fault[FAULT_CHARS]) {
  sound words;
  if (!sound_open(path, device->options->config.input.rate_hz, &words, fault)) return false;
  if (mouth_say(&device->mouth, words)) return true;
  snprintf(fault, FAULT_CHARS, "32 files wait to be said already.");
  return false;
}

static void tell_status(device *device) {
  parley_counters counted = parley_counters_of(device->whole.core);
  char words[300];
  snprintf(words, sizeof words,
           "state %s, calls %u, resumptions %u, underruns %u, starved_samples %u, played_samples %u, lost_mic_frames %u, "
           "unreadable %u, start_threshold_ms %u",
           parley_state_name(parley_state_of(device->whole.core)), counted.calls, counted.resumptions,
           counted.underruns, counted.starved_samples, counted.played_samples, counted.lost_mic_frames,
           counted.unreadable, counted.start_threshold_ms);
  events_tell_own(device, "status", words);
}

/* Do what a command says: a verb, and the rest of its line. False: `fault` says what was wrong. */
static bool do_command(device *device, const char *verb, const char *rest, char fault[FAULT_CHARS]) {
  parley *core = device->whole.core;
  if (strcmp(verb, "say") == 0) return say(device, rest, fault);
  if (strcmp(verb, "type") == 0) {
    if (parley_say(core, rest)) return true;
    snprintf(fault, FAULT_CHARS, "That can't be typed now: up to 255 bytes, two that wait at most, in a conversation.");
    return false;
  }
  if (strcmp(verb, "hush") == 0) {
    mouth_hush(&device->mouth);
  } else if (strcmp(verb, "press") == 0) {
    device->button_down = true;
    device->button_ticks = PRESS_TICKS;
  } else if (strcmp(verb, "down") == 0 || strcmp(verb, "up") == 0) {
    device->button_down = *verb == 'd';
    device->button_ticks = 0;
  } else if (strcmp(verb, "start") == 0) {
    parley_start(core);
  } else if (strcmp(verb, "end") == 0) {
    parley_end(core, "the person hung up");
  } else if (strcmp(verb, "interrupt") == 0) {
    parley_interrupt(core);
  } else if (strcmp(verb, "mute") == 0 || strcmp(verb, "open") == 0) {
    parley_mute(core, *verb == 'm');
  } else if (strcmp(verb, "status") == 0) {
    tell_status(device);
  } else {
    snprintf(fault, FAULT_CHARS, "%.40s is no command. --help lists them.", verb);
    return false;
  }
  return true;
}

static void do_line(commands *commands, char *line, device *devices, unsigned count) {
  unsigned long only = 0;
  char *at = line + strspn(line, " \t\r");
  if (isdigit((unsigned char)*at)) only = strtoul(at, &at, 10);
  at += strspn(at, " \t");
  char *verb = at;
  at += strcspn(at, " \t\r");
  if (*at) *at++ = '\0';
  at += strspn(at, " \t");
  at[strcspn(at, "\r")] = '\0';
  if (!*verb) return;
  if (strcmp(verb, "quit") == 0) {
    commands->quit = true;
    return;
  }
  char fault[FAULT_CHARS] = "";
  if (only > count) {
    snprintf(fault, sizeof fault, "There is no device %lu, only %u.", only, count);
    events_tell_own(devices, "fault", fault);
    return;
  }
  for (unsigned i = 0; i < count; i++) {
    if (only && i + 1 != only) continue;
    if (!do_command(&devices[i], verb, at, fault)) events_tell_own(&devices[i], "fault", fault);
  }
}

void commands_ready(commands *commands, device *devices, unsigned count) {
  char bytes[4096];
  ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    commands->at_end = true;
    return;
  }
  for (ssize_t i = 0; i < got; i++) {
    if (bytes[i] == '\n') {
      commands->line[commands->size] = '\0';
      if (commands->too_long) {
        events_tell_own(devices, "fault", "A command has up to 1023 characters.");
      } else {
        do_line(commands, commands->line, devices, count);
      }
      commands->size = 0;
      commands->too_long = false;
    } else if (commands->size < sizeof commands->line - 1) {
      commands->line[commands->size++] = bytes[i];
    } else {
      commands->too_long = true;
    }
  }
}
