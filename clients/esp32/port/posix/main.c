/* parley-device: the ESP32 client as a Linux program. One loop serves all devices: epoll for their sockets, and each
 * device's next 20 ms by the monotonic clock, without drift: a late tick is followed by early ones. */
#include "commands.h"
#include "events.h"
#include "stream.h"
#include "summary.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define AT_ONCE 64
#define LEAVING_US 3000000u /* how long the goodbyes of all may take */

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
  interrupted = number;
}

typedef struct {
  options options;
  int epoll;
  device *devices;
  commands commands;
  FILE *events;
  bool takes_commands, is_leaving;
  uint64_t leave_by_us;
} program;

static int complain(const char *fault) {
  fprintf(stderr, "parley-device: %s\n", fault);
  return EXIT_USAGE;
}

/* Check before anybody is called that all files can be read. */
static bool can_say_all(const options *options, char fault[FAULT_CHARS]) {
  sound words;
  for (size_t i = 0; i < options->sayings_count; i++)
    if (!sound_open(options->sayings[i], options->config.input.rate_hz, &words, fault)) return false;
  return true;
}

static int open_all(program *program) {
  const options *options = &program->options;
  char fault[FAULT_CHARS] = "";
  if (!stream_trust(options->ca, fault) || !can_say_all(options, fault)) return complain(fault);
  program->events = options->quiet ? NULL : options->record && strcmp(options->record, "-") == 0 ? stderr : stdout;
  if (options->events && !(program->events = fopen(options->events, "w"))) {
    fprintf(stderr, "parley-device: Cannot write %s: %s.\n", options->events, strerror(errno));
    return EXIT_USAGE;
  }
  struct rlimit files; /* a socket each, and a recording */
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  program->epoll = epoll_create1(EPOLL_CLOEXEC);
  program->devices = calloc(options->devices, sizeof *program->devices);
  if (program->epoll < 0 || !program->devices) return complain("There is too little memory for so many devices.");
  uint64_t now = events_now_us();
  for (unsigned i = 0; i < options->devices; i++) {
    device *device = &program->devices[i];
    if (!device_init(device, i + 1, options, program->epoll, program->events, now, fault)) return complain(fault);
    device->due_us = now + (uint64_t)i * options->stagger_ms * 1000;
  }
  program->takes_commands = !options->mic || strcmp(options->mic, "-") != 0;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (program->takes_commands && epoll_ctl(program->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
    program->commands.at_end = true; /* a file: nobody types there */
  return -1;
}

static void leave(program *program, uint64_t now) {
  if (program->is_leaving) return;
  program->is_leaving = true;
  program->leave_by_us = now + LEAVING_US;
  for (unsigned i = 0; i < program->options.devices; i++) device_leave(&program->devices[i]);
}

static void look_at_stdin(program *program, uint64_t now) {
  commands_ready(&program->commands, program->devices, program->options.devices);
  const options *options = &program->options;
  if (program->commands.at_end) {
    epoll_ctl(program->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    bool has_end = options->sayings_count || options->seconds > 0 || options->mic;
    if (!has_end) leave(program, now); /* nobody is left who could say "quit" */
  }
  if (program->commands.quit) leave(program, now);
}

/* Tick every device that is due; return when the next one is, or 0 when all are done. */
static uint64_t tick_all(program *program) {
  uint64_t next = 0;
  for (unsigned i = 0; i < program->options.devices; i++) {
    device *device = &program->devices[i];
    if (device->is_over || (program->is_leaving && !device->is_begun)) continue;
    uint64_t now = events_now_us();
    if (now >= device->due_us) device_tick(device, now);
    if (!device->is_over && (!next || device->due_us < next)) next = device->due_us;
  }
  return next;
}

static void run(program *program) {
  const options *options = &program->options;
  uint64_t began = events_now_us();
  for (;;) {
    uint64_t next = tick_all(program), now = events_now_us();
    if (!next || (program->is_leaving && now >= program->leave_by_us)) return;
    if (interrupted || (options->seconds > 0 && (double)(now - began) / 1e6 >= options->seconds)) leave(program, now);
    int wait_ms = now >= next ? 0 : (int)((next - now + 999) / 1000);
    struct epoll_event ready[AT_ONCE];
    int count = epoll_wait(program->epoll, ready, AT_ONCE, wait_ms);
    for (int i = 0; i < count; i++) {
      if (ready[i].data.ptr) {
        link_ready(ready[i].data.ptr);
      } else {
        look_at_stdin(program, now);
      }
    }
  }
}

int main(int count, char **arguments) {
  static program program;
  int code = options_parse(&program.options, count, arguments);
  if (code >= 0) return code;
  code = open_all(&program);
  if (code >= 0) return code;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  run(&program);
  code = EXIT_WELL;
  const options *options = &program.options;
  FILE *last = program.events ? program.events : stdout;
  int worst = summary_tell(last, program.devices, options->devices, events_now_us());
  for (unsigned i = 0; i < options->devices; i++) {
    device_end(&program.devices[i]);
    if (program.devices[i].code > worst) worst = program.devices[i].code;
  }
  free(program.devices);
  if (last != stdout && last != stderr) fclose(last);
  return interrupted == SIGINT && options->sayings_count ? EXIT_STOPPED : worst;
}
