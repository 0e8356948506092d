#include "commands.h"

#include "events.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    if (!device_command(&devices[i], verb, at, fault)) events_tell_own(&devices[i], "fault", fault);
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
