/* Plays scenes with the core for tests/esp32_core: commands come by standard input, what the core does goes out. A line each.
 *
 *   now MS                    the clock
 *   start | end | interrupt | mute 0|1 | talk 0|1 | say TEXT
 *   connected | disconnected CODE | poll
 *   text HEX | binary HEX     a message has come; `-` for an empty one
 *   tick OUT_LATENCY IN_LATENCY HEX    20 ms of the microphone
 *   decode text|binary HEX    what a frame means, without a session
 *   write KIND FIELD=VALUE …  a message of the client's; values in hex where they are words
 *
 * Answers: `call URL`, `drop`, `sent text|binary HEX`, `event …`, `speaker HEX`, `means …`; then `. STATE`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/frames.h"
#include "../core/message.h"
#include "../core/parley.h"
#include "../core/requests.h"

enum { LINE_BYTES = 1 << 18 };

static uint32_t clock_ms, seed = 1;
static bool has_network = true;
static char line[LINE_BYTES];
static uint8_t bytes[LINE_BYTES / 2];

static uint32_t now(void *self) {
  (void)self;
  return clock_ms;
}

static uint32_t chance(void *self) {
  (void)self;
  seed = seed * 1664525U + 1013904223U;
  return seed >> 8;
}

static void put_hex(const uint8_t *at, size_t count) {
  for (size_t i = 0; i < count; i++) printf("%02x", at[i]);
  putchar('\n');
}

static bool call(void *self, const char *url) {
  (void)self;
  printf("call %s\n", url);
  return has_network;
}

static bool send_frame(void *self, bool is_text, const uint8_t *at, size_t count) {
  (void)self;
  printf("sent %s ", is_text ? "text" : "binary");
  put_hex(at, count);
  return true;
}

static void drop(void *self, bool politely) {
  (void)self;
  printf("drop %d\n", politely);
}

static void happened(void *self, const parley_event *event) {
  (void)self;
  if (event->kind == PARLEY_EVENT_STATE) printf("event state %s\n", event->words);
  if (event->kind == PARLEY_EVENT_ERROR) printf("event error %s\n", event->words);
}

static size_t unhex(const char *hex) {
  size_t count = 0;
  if (*hex == '-') return 0;
  for (; hex[0] && hex[1] && hex[0] != ' '; hex += 2) {
    char pair[3] = {hex[0], hex[1], 0};
    bytes[count++] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return count;
}

static void put_field(const char *name, const char *words) {
  printf("means %s s", name);
  put_hex((const uint8_t *)words, strlen(words));
}

static void put_number(const char *name, uint64_t number) { printf("means %s %" PRIu64 "\n", name, number); }

static void put_format(const char *name, wire_format format) {
  printf("means %s.encoding %d\nmeans %s.rateHz %" PRIu32 "\n", name, format.encoding, name, format.rate_hz);
}

static void decode_text(size_t count) {
  message_reader reader;
  message_begin(&reader);
  bool is_read = true;
  for (size_t i = 0; i < count && is_read; i += 7) { /* in pieces, as they may come */
    is_read = message_feed(&reader, bytes + i, count - i < 7 ? count - i : 7);
  }
  const message *got = is_read ? message_end(&reader) : NULL;
  if (!got) {
    puts("means nothing");
    return;
  }
  printf("means kind %d\n", got->kind);
  put_number("seq", got->seq), put_number("floor", got->floor), put_number("reply", got->reply);
  put_number("position", got->position), put_number("samples", got->samples), put_number("turn", got->turn);
  put_number("beat", got->beat), put_number("receivedOffset", got->received_offset);
  put_number("micOffset", got->mic_offset), put_number("leadMs", got->lead_ms);
  put_number("protocol", got->protocol), put_number("resumeS", got->resume_s), put_number("seconds", got->seconds);
  put_number("limits.maxFrameMs", got->max_frame_ms), put_number("limits.maxSessionS", got->max_session_s);
  put_number("limits.maxMessageBytes", got->max_message_bytes);
  put_number("limits.maxMessagesPerS", got->max_messages_per_s);
  put_number("limits.maxAheadMs", got->max_ahead_ms), put_number("limits.maxIdleS", got->max_idle_s);
  put_number("who", got->who), put_number("state", got->state), put_number("code", got->code);
  put_number("final", got->final), put_number("interrupted", got->interrupted);
  put_number("retryable", got->retryable), put_number("resumed", got->resumed);
  put_number("cut", got->words_cut || got->token_cut);
  printf("means gainMdb %" PRId32 "\n", got->gain_mdb);
  put_format("input", got->input), put_format("output", got->output);
  put_field("session", got->session), put_field("resumeToken", got->resume_token), put_field("words", got->words);
  for (int i = 0; i < got->stage_count; i++) {
    printf("means stage %" PRId32 " ", got->stages[i].us);
    put_hex((const uint8_t *)got->stages[i].name, strlen(got->stages[i].name));
  }
}

static void decode_binary(size_t count) {
  playhead piece;
  if (count < REPLY_HEADER_BYTES || !read_reply_header(bytes, &piece)) {
    puts("means nothing");
    return;
  }
  put_number("reply", piece.reply), put_number("position", piece.position);
  printf("means pcm s");
  put_hex(bytes + REPLY_HEADER_BYTES, count - REPLY_HEADER_BYTES);
}

/* The value of `name=` among a command's words: a number, or words in hex. */
static char *value_of(char *words, const char *name) {
  size_t length = strlen(name);
  for (char *at = words; (at = strstr(at, name)) != NULL; at += length) {
    if (at[-1] == ' ' && at[length] == '=') return at + length + 1;
  }
  return NULL;
}

static uint64_t number(char *words, const char *name) {
  const char *value = value_of(words, name);
  return value ? strtoull(value, NULL, 10) : 0;
}

static const char *text_of(char *words, const char *name, char *room) {
  const char *value = value_of(words, name);
  size_t count = value ? strcspn(value, " ") / 2 : 0;
  if (value) unhex(value);
  memcpy(room, bytes, count);
  room[count] = 0;
  return room;
}

static void write_message(char *words) {
  char text[8192], a[4096], b[2048], c[512];
  size_t count = 0;
  playhead head = {number(words, "reply"), number(words, "position")};
  if (!strncmp(words, "open ", 5)) {
    open_request open = {.agent = text_of(words, "agent", a),
                         .token = text_of(words, "token", b),
                         .resume = text_of(words, "resume", c),
                         .next = head,
                         .seq = number(words, "seq"),
                         .input = {(parley_encoding)number(words, "input"), (uint32_t)number(words, "inputHz")},
                         .output = {(parley_encoding)number(words, "output"), (uint32_t)number(words, "outputHz")},
                         .echo = (parley_echo)number(words, "echo"),
                         .client_buffer_ms = (uint32_t)number(words, "clientBufferMs")};
    count = write_open(text, sizeof text, &open);
  } else if (!strncmp(words, "playback ", 9)) {
    playback_request playback = {head, number(words, "micOffset"), (uint32_t)number(words, "bufferedMs"),
                                 (uint32_t)number(words, "underruns"), number(words, "ended") == 1};
    count = write_playback(text, sizeof text, &playback);
  } else if (!strncmp(words, "flushed ", 8)) {
    flushed_request flushed = {number(words, "seq"), head, number(words, "micOffset")};
    count = write_flushed(text, sizeof text, &flushed);
  } else if (!strncmp(words, "interrupt ", 10)) {
    count = write_interrupt(text, sizeof text);
  } else if (!strncmp(words, "mute ", 5)) {
    count = write_mute(text, sizeof text, number(words, "muted") == 1);
  } else if (!strncmp(words, "pushToTalk ", 11)) {
    count = write_push_to_talk(text, sizeof text, number(words, "pressed") == 1);
  } else if (!strncmp(words, "say ", 4)) {
    const char *id = text_of(words, "id", b);
    count = write_say(text, sizeof text, text_of(words, "text", a), id);
  } else if (!strncmp(words, "end ", 4)) {
    count = write_end(text, sizeof text, text_of(words, "reason", a));
  } else if (!strncmp(words, "heartbeat ", 10)) {
    count = write_heartbeat(text, sizeof text, number(words, "beat"));
  } else if (!strncmp(words, "audio ", 6)) {
    mic_header header = {number(words, "micOffset"), head, number(words, "estimated") == 1};
    char *pcm = value_of(words, "pcm");
    size_t pcm_count = pcm ? unhex(pcm) : 0;
    write_mic_header((uint8_t *)text, &header);
    printf("sent binary ");
    for (int i = 0; i < MIC_HEADER_BYTES; i++) printf("%02x", (uint8_t)text[i]);
    put_hex(bytes, pcm_count);
    return;
  }
  printf("sent text ");
  put_hex((const uint8_t *)text, count);
}

static void received(parley *p, bool is_text, size_t count) {
  bool first = true;
  size_t at = 0;
  do { /* in pieces, as a WebSocket on a small device gives them */
    size_t n = count - at < 600 ? count - at : 600;
    size_t used = parley_received(p, is_text, bytes + at, n, first, at + n == count);
    if (used < n) {
      puts("full");
      return;
    }
    at += n;
    first = false;
  } while (at < count);
}

static void tick(parley *p, char *words) {
  int16_t microphone[960] = {0}, speaker[960];
  parley_latency latency;
  latency.output_samples = (uint32_t)strtoul(words, &words, 10);
  latency.input_samples = (uint32_t)strtoul(words, &words, 10);
  size_t count = unhex(words + 1) / 2;
  for (size_t i = 0; i < count; i++) microphone[i] = (int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
  parley_tick(p, microphone, speaker, latency);
  printf("speaker ");
  put_hex((const uint8_t *)speaker, parley_speaker_samples(p) * 2);
}

static void obey(parley *p, char *words) {
  char *rest = words + strcspn(words, " ");
  if (*rest) *rest++ = 0;
  if (!strcmp(words, "now")) clock_ms = (uint32_t)strtoul(rest, NULL, 10);
  if (!strcmp(words, "network")) has_network = *rest == '1';
  if (!strcmp(words, "start")) parley_start(p);
  if (!strcmp(words, "poll")) parley_poll(p);
  if (!strcmp(words, "end")) parley_end(p, "the person hung up");
  if (!strcmp(words, "interrupt")) parley_interrupt(p);
  if (!strcmp(words, "mute")) parley_mute(p, *rest == '1');
  if (!strcmp(words, "talk")) parley_push_to_talk(p, *rest == '1');
  if (!strcmp(words, "say")) parley_say(p, rest);
  if (!strcmp(words, "connected")) parley_connected(p);
  if (!strcmp(words, "disconnected")) parley_disconnected(p, (uint16_t)strtoul(rest, NULL, 10));
  if (!strcmp(words, "text")) received(p, true, unhex(rest));
  if (!strcmp(words, "binary")) received(p, false, unhex(rest));
  if (!strcmp(words, "tick")) tick(p, rest);
  if (!strcmp(words, "decode") && !strncmp(rest, "text ", 5)) decode_text(unhex(rest + 5));
  if (!strcmp(words, "decode") && !strncmp(rest, "binary ", 7)) decode_binary(unhex(rest + 7));
  if (!strcmp(words, "write")) write_message(rest);
}

int main(int argc, char **argv) {
  static uint64_t memory[1 << 17];
  parley_config config;
  parley_defaults(&config);
  config.servers[0] = "ws://one/v1/converse";
  if (argc > 1 && !strcmp(argv[1], "2")) config.servers[1] = "ws://two/v1/converse";
  config.echo = PARLEY_ECHO_HEADPHONES;
  config.playout_ms = 2000;
  config.retention_ms = 10000;
  parley_ports ports = {.time = {NULL, now, chance}, .net = {NULL, call, send_frame, drop}};
  parley *p = parley_init(memory, sizeof memory, &config, &ports);
  if (!p) return 1;
  parley_listen(p, (parley_listener){NULL, happened});
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    obey(p, line);
    printf(". %s\n", parley_state_name(parley_state_of(p)));
    fflush(stdout);
  }
  return 0;
}
