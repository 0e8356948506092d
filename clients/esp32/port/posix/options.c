#include "options.h"

#include "handshake.h"
#include "help.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_AGENT = 256, OPT_TOKEN, OPT_CA, OPT_SAY, OPT_REPEAT, OPT_WAIT, OPT_SECONDS, OPT_MIC, OPT_RECORD, OPT_EVENTS,
       OPT_QUIET, OPT_IDLE, OPT_ENCODING, OPT_IN_HZ, OPT_OUT_HZ, OPT_ECHO, OPT_NO_DUCK, OPT_BUFFER, OPT_PLAYOUT,
       OPT_RETENTION, OPT_LATENCY, OPT_DEVICES, OPT_STAGGER, OPT_SERVER, OPT_HELP };

static const struct option longs[] = {
  {"server", required_argument, NULL, OPT_SERVER},       {"servers", required_argument, NULL, OPT_SERVER},
  {"agent", required_argument, NULL, OPT_AGENT},         {"token", required_argument, NULL, OPT_TOKEN},
  {"ca", required_argument, NULL, OPT_CA},               {"say", required_argument, NULL, OPT_SAY},
  {"repeat", no_argument, NULL, OPT_REPEAT},             {"wait-s", required_argument, NULL, OPT_WAIT},
  {"seconds", required_argument, NULL, OPT_SECONDS},     {"mic", required_argument, NULL, OPT_MIC},
  {"record", required_argument, NULL, OPT_RECORD},       {"events", required_argument, NULL, OPT_EVENTS},
  {"quiet", no_argument, NULL, OPT_QUIET},               {"idle", no_argument, NULL, OPT_IDLE},
  {"encoding", required_argument, NULL, OPT_ENCODING},   {"input-hz", required_argument, NULL, OPT_IN_HZ},
  {"output-hz", required_argument, NULL, OPT_OUT_HZ},    {"echo", required_argument, NULL, OPT_ECHO},
  {"no-duck", no_argument, NULL, OPT_NO_DUCK},           {"buffer-ms", required_argument, NULL, OPT_BUFFER},
  {"playout-ms", required_argument, NULL, OPT_PLAYOUT},  {"retention-ms", required_argument, NULL, OPT_RETENTION},
  {"latency-ms", required_argument, NULL, OPT_LATENCY},  {"devices", required_argument, NULL, OPT_DEVICES},
  {"stagger-ms", required_argument, NULL, OPT_STAGGER},  {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static int wrong(const char *option, const char *value, const char *wanted) {
  fprintf(stderr, "parley-device: --%s %s: %s. Try --help.\n", option, value, wanted);
  return EXIT_USAGE;
}

static bool number(const char *text, double least, double most, double *value) {
  char *end = NULL;
  *value = strtod(text, &end);
  return end != text && *end == '\0' && *value >= least && *value <= most;
}

static bool one_of(const char *text, const char *const *words, const unsigned *meanings, unsigned *meaning) {
  for (; *words; words++, meanings++) {
    if (strcmp(*words, text) == 0) {
      *meaning = *meanings;
      return true;
    }
  }
  return false;
}

static int take_token(options *options, const char *text) {
  char bytes[PARLEY_TOKEN_BYTES] = "";
  if (*text == '@') {
    FILE *file = fopen(text + 1, "r");
    size_t size = file ? fread(bytes, 1, sizeof bytes - 1, file) : 0;
    if (file) fclose(file);
    if (!size) return wrong("token", text, "there is nothing to be read there");
    bytes[size] = '\0';
  } else if (strlen(text) < sizeof bytes) {
    strcpy(bytes, text);
  }
  size_t size = strcspn(bytes, "\r\n \t");
  if (!size || bytes[size + strspn(bytes + size, "\r\n \t")]) return wrong("token", "…", "a token is one word of up to 511 letters");
  memcpy(options->token, bytes, size);
  options->token[size] = '\0';
  options->config.token = options->token;
  return -1;
}

/* Take the list apart: each address whole, with its path. */
static int take_servers(options *options, const char *list) {
  char *to = options->servers, *end = to + sizeof options->servers;
  size_t count = 0;
  memset(options->config.servers, 0, sizeof options->config.servers);
  for (const char *at = list; *at;) {
    char url[512];
    size_t size = strcspn(at, ",");
    ws_address address;
    char reason[REASON_CHARS];
    if (size >= sizeof url) return wrong("server", list, "an address has up to 511 characters");
    memcpy(url, at, size);
    url[size] = '\0';
    if (!address_parse(url, &address, reason)) {
      fprintf(stderr, "parley-device: %s\n", reason);
      return EXIT_USAGE;
    }
    bool ipv6 = strchr(address.host, ':') != NULL;
    int length = snprintf(to, (size_t)(end - to), "%s://%s%s%s:%u%s", address.tls ? "wss" : "ws", ipv6 ? "[" : "",
                          address.host, ipv6 ? "]" : "", address.port, address.path);
    if (count == PARLEY_LARGEST_SERVERS || length < 0 || length >= end - to)
      return wrong("server", list, "up to four addresses are taken");
    options->config.servers[count++] = to;
    to += length + 1;
    at += size;
    if (*at == ',') at++;
  }
  return count ? -1 : wrong("server", list, "write ws://HOST:PORT or wss://HOST");
}

static int take_encoding(options *options, const char *text) {
  static const char *const words[] = {"pcm16", "mulaw", NULL};
  static const unsigned meanings[] = {PARLEY_PCM16, PARLEY_MULAW};
  unsigned meaning = 0;
  if (!one_of(text, words, meanings, &meaning)) return wrong("encoding", text, "choose pcm16 or mulaw");
  options->config.input.encoding = options->config.output.encoding = (parley_encoding)meaning;
  if (meaning == PARLEY_MULAW) options->config.input.rate_hz = options->config.output.rate_hz = 8000;
  return -1;
}

static int take_echo(options *options, const char *text) {
  static const char *const words[] = {"device", "server", "headphones", NULL};
  static const unsigned meanings[] = {PARLEY_ECHO_DEVICE, PARLEY_ECHO_SERVER, PARLEY_ECHO_HEADPHONES};
  unsigned meaning = 0;
  if (!one_of(text, words, meanings, &meaning)) return wrong("echo", text, "choose device, server or headphones");
  options->config.echo = (parley_echo)meaning;
  return -1;
}

static int take(options *options, int which, const char *name, const char *text) {
  double value = 0;
  switch (which) {
  case OPT_HELP:
    fputs(help, stdout);
    return EXIT_WELL;
  case OPT_SERVER:
    return take_servers(options, text);
  case OPT_AGENT:
    if (strlen(text) > 64) return wrong(name, text, "a name has up to 64 characters");
    options->config.agent = text;
    return -1;
  case OPT_TOKEN:
    return take_token(options, text);
  case OPT_ENCODING:
    return take_encoding(options, text);
  case OPT_ECHO:
    return take_echo(options, text);
  case OPT_SAY:
    if (options->sayings_count == LARGEST_SAYINGS) return wrong(name, text, "32 files are the most");
    options->sayings[options->sayings_count++] = text;
    return -1;
  case OPT_CA:
    options->ca = text;
    return -1;
  case OPT_MIC:
    options->mic = text;
    return -1;
  case OPT_RECORD:
    options->record = text;
    return -1;
  case OPT_EVENTS:
    options->events = text;
    return -1;
  case OPT_REPEAT:
    options->repeat = true;
    return -1;
  case OPT_QUIET:
    options->quiet = true;
    return -1;
  case OPT_IDLE:
    options->idle = true;
    return -1;
  case OPT_NO_DUCK:
    options->config.local_duck = false;
    return -1;
  default:
    break;
  }
  static const struct {
    int which;
    double least, most;
    const char *wanted;
  } ranges[] = {
      {OPT_WAIT, 0.1, 3600, "a number of seconds up to 3600"},  {OPT_SECONDS, 0.1, 86400, "a number of seconds up to a day"},
      {OPT_IN_HZ, 8000, 48000, "a rate in Hz"},                 {OPT_OUT_HZ, 8000, 48000, "a rate in Hz"},
      {OPT_BUFFER, 60, 2000, "60 to 2000 ms"},                  {OPT_PLAYOUT, 100, 10000, "100 to 10000 ms"},
      {OPT_RETENTION, 100, 10000, "100 to 10000 ms"},           {OPT_LATENCY, 0, 1000, "0 to 1000 ms"},
      {OPT_DEVICES, 1, LARGEST_DEVICES, "1 to 2000 devices"},   {OPT_STAGGER, 0, 10000, "0 to 10000 ms"},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (ranges[i].which == which && !number(text, ranges[i].least, ranges[i].most, &value))
      return wrong(name, text, ranges[i].wanted);
  unsigned whole = (unsigned)value;
  if (which == OPT_WAIT) options->wait_s = value;
  if (which == OPT_SECONDS) options->seconds = value;
  if (which == OPT_IN_HZ) options->config.input.rate_hz = whole;
  if (which == OPT_OUT_HZ) options->config.output.rate_hz = whole;
  if (which == OPT_BUFFER) options->buffer_ms = whole;
  if (which == OPT_PLAYOUT) options->playout_ms = whole;
  if (which == OPT_RETENTION) options->config.retention_ms = whole;
  if (which == OPT_LATENCY) options->latency_ms = whole;
  if (which == OPT_DEVICES) options->devices = whole;
  if (which == OPT_STAGGER) options->stagger_ms = whole;
  return -1;
}

int options_parse(options *options, int count, char **arguments) {
  memset(options, 0, sizeof *options);
  parley_defaults(&options->config);
  options->config.echo = PARLEY_ECHO_HEADPHONES; /* files don't hear each other */
  options->config.retention_ms = 10000;
  options->devices = 1;
  options->stagger_ms = 20;
  options->wait_s = 20;
  const char *server = getenv("PARLEY_SERVER"), *token = getenv("PARLEY_TOKEN");
  int done = take_servers(options, server && *server ? server : "ws://127.0.0.1:7780");
  if (done < 0 && token && *token) done = take_token(options, token);
  int which = 0, index = 0;
  opterr = 0;
  while (done < 0 && (which = getopt_long(count, arguments, "", longs, &index)) != -1) {
    if (which == '?' || which == ':') {
      const char *last = arguments[optind - 1];
      fprintf(stderr, "parley-device: %.80s is no option, or wants a value. Try --help.\n", last);
      return EXIT_USAGE;
    }
    done = take(options, which, longs[index].name, optarg ? optarg : "");
  }
  parley_fit_buffers(&options->config);
  if (options->buffer_ms) options->config.client_buffer_ms = options->buffer_ms;
  if (options->playout_ms) options->config.playout_ms = options->playout_ms;
  if (done < 0 && optind < count) return wrong("say", arguments[optind], "files are named each after its own --say");
  return done;
}
