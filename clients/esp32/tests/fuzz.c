/* Feeds the core what no server should send: the JSON reader, the messages, and a whole client with its WebSocket in pieces.
 *
 *   fuzz SECONDS [SEED]     mutates what is known, by itself
 *   libFuzzer               where it is compiled with -DLIBFUZZER -fsanitize=fuzzer
 *
 * AddressSanitizer and UndefinedBehaviorSanitizer say what is wrong; beside that nothing may hang, and what was read must
 * be within its bounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../core/message.h"
#include "../core/parley.h"

static const char *const texts[] = {
    "{\"opened\":{\"resumeToken\":\"1ec7.hj\",\"limits\":{\"maxFrameMs\":200},\"protocol\":1,\"resumed\":true,\"resumeS\":30}}",
    "{\"opened\":{\"session\":\"1ec7\",\"input\":{\"encoding\":\"ENCODING_PCM16\",\"rateHz\":16000},\"micOffset\":\"320\"}}",
    "{\"replyEnded\":{\"reply\":\"1\",\"samples\":\"37469\"}}",
    "{\"duck\":{\"seq\":\"1\",\"gainDb\":-20.5}}",
    "{\"duck\":{\"seq\":\"4\",\"gainDb\":0e39}}", /* nothing, however far its point is moved */
    "{\"release\":{\"seq\":\"2\"}}",
    "{\"flush\":{\"seq\":\"3\",\"floor\":\"1\"}}",
    "{\"caption\":{\"who\":\"WHO_ASSISTANT\",\"text\":\"\\u00fc \\ud83d\\ude42 \xc3\xbc\",\"final\":true,\"reply\":\"1\",\"position\":\"9\"}}",
    "{\"state\":{\"state\":\"CONVERSATION_STATE_BARGE_IN\",\"turn\":\"2\"}}",
    "{\"turnReport\":{\"turn\":\"1\",\"stages\":[{\"name\":\"vad.endpoint\",\"ms\":2.5e1},{\"name\":\"b\"}],\"x\":[[{}]]}}",
    "{\"error\":{\"code\":\"CODE_LIMIT\",\"message\":\"m\",\"retryable\":true}}",
    "{\"draining\":{\"seconds\":5}}",
    "{\"closed\":{\"reason\":\"r\",\"code\":\"CODE_DRAINING\"}}",
    "{\"heartbeat\":{\"beat\":\"17\"}}",
    "{\"notice\":{\"code\":\"CODE_ECHO_UNSTAMPED\",\"message\":\"m\"}}",
    "{\"heard\":{\"receivedOffset\":\"330880\"}}",
    "{\"sing\":{\"a\":[1,2.5,-3e4,true,false,null,{\"b\":\"c\"}]}}"};
enum { TEXTS = sizeof texts / sizeof texts[0], LARGEST = 4096 };

static uint64_t memory[1 << 14];
static uint32_t clock_ms;
static parley *p;
static uint32_t seed = 1;
static size_t longest_word;

static uint32_t chance(void *self) {
  (void)self;
  seed = seed * 1664525U + 1013904223U;
  return seed >> 4;
}

static uint32_t below(uint32_t n) { return chance(NULL) % n; }

static uint32_t now(void *self) {
  (void)self;
  return clock_ms;
}

static bool call(void *self, const char *url) {
  (void)self, (void)url;
  return below(8) != 0;
}

static bool send_frame(void *self, bool is_text, const uint8_t *bytes, size_t count) {
  volatile uint8_t last; /* read every byte, so that the sanitizer sees where they are */
  (void)self;
  for (size_t i = 0; i < count; i++) last = bytes[i];
  (void)last;
  if (is_text && (bytes[0] != '{' || bytes[count - 1] != '}')) abort();
  return below(16) != 0;
}

static void drop(void *self, bool politely) { (void)self, (void)politely; }

static void happened(void *self, const parley_event *event) {
  (void)self;
  size_t length = strlen(event->words);
  if (length > longest_word) longest_word = length;
  if (length >= PARLEY_WORDS_BYTES) abort();
}

static size_t opus_encode(void *self, const int16_t *samples, size_t count, uint8_t *packet, size_t room) {
  (void)self, (void)samples, (void)count;
  size_t bytes = below((uint32_t)room + 1);
  memset(packet, 1, bytes);
  return bytes;
}

static size_t opus_decode(void *self, const uint8_t *packet, size_t bytes, int16_t *samples, size_t room) {
  (void)self;
  size_t count = below((uint32_t)room + 1);
  for (size_t i = 0; i < count; i++) samples[i] = packet[i % bytes];
  return count;
}

static void begin(uint32_t kind) {
  static const parley_encoding encodings[] = {PARLEY_PCM16, PARLEY_MULAW, PARLEY_OPUS};
  parley_config config;
  parley_defaults(&config);
  config.servers[0] = "ws://a/v1/converse";
  if (kind & 4) config.servers[1] = "wss://b/v1/converse";
  config.output.encoding = config.input.encoding = encodings[kind % 3];
  if (kind % 3 == 1) config.input.rate_hz = config.output.rate_hz = 8000;
  parley_ports ports = {.time = {NULL, now, chance},
                        .net = {NULL, call, send_frame, drop},
                        .opus = {NULL, opus_encode, opus_decode, NULL}};
  p = parley_init(memory, sizeof memory, &config, &ports);
  if (!p) abort();
  parley_listen(p, (parley_listener){NULL, happened});
}

/* Give a message in pieces of any size. */
static void receive(bool is_text, const uint8_t *bytes, size_t count) {
  size_t at = 0;
  bool first = true;
  do {
    size_t n = count - at ? 1 + below((uint32_t)(count - at)) : 0;
    uint8_t *exactly = malloc(n ? n : 1); /* so that one byte too far is seen */
    memcpy(exactly, bytes + at, n);
    size_t used = parley_received(p, is_text, exactly, n, first, at + n == count);
    free(exactly);
    if (used > n) abort();
    if (used < n) return;
    at += n;
    first = false;
  } while (at < count);
}

static void tick(void) {
  int16_t microphone[960], speaker[960];
  for (int i = 0; i < 960; i++) microphone[i] = (int16_t)chance(NULL);
  clock_ms += below(10) ? 20 : below(3000);
  parley_tick(p, microphone, speaker, (parley_latency){below(3000), below(1000)});
}

static void read_alone(const uint8_t *bytes, size_t count) {
  static message_reader reader;
  message_begin(&reader);
  for (size_t at = 0; at < count;) {
    size_t n = 1 + below((uint32_t)(count - at));
    if (!message_feed(&reader, bytes + at, n)) return;
    at += n;
  }
  const message *got = message_end(&reader);
  if (!got) return;
  if (strlen(got->words) >= sizeof got->words || strlen(got->resume_token) >= sizeof got->resume_token) abort();
  if (got->stage_count > LARGEST_STAGES) abort();
}

/* One input: the first byte says what is done with the rest. */
static void try(const uint8_t *bytes, size_t count) {
  if (!count) return;
  uint8_t what = bytes[0];
  if (what < 96) read_alone(bytes + 1, count - 1);
  if (what >= 64) receive(what & 1, bytes + 1, count - 1);
  if (what % 5 == 0) tick();
}

static void press(void) {
  switch (below(12)) {
    case 0:
      parley_end(p, "fuzz");
      break;
    case 1:
      parley_mute(p, below(2));
      break;
    case 2:
      parley_push_to_talk(p, below(2));
      break;
    case 3:
      parley_say(p, "words");
      break;
    case 4:
      parley_interrupt(p);
      break;
    case 5:
      parley_disconnected(p, (uint16_t)below(5000));
      break;
    default:
      break;
  }
  parley_start(p);
  if (below(3)) parley_connected(p);
}

static size_t mutate(uint8_t *bytes) {
  size_t count;
  bytes[0] = (uint8_t)(below(96) + (below(2) ? 64 : 0));
  if (below(3)) {
    bytes[0] |= 1;
    const char *text = texts[below(TEXTS)];
    count = strlen(text);
    memcpy(bytes + 1, text, count);
  } else { /* a binary frame */
    bytes[0] &= 0xfe;
    count = 16 + below(3000);
    for (size_t i = 1; i <= count; i++) bytes[i] = i > 16 ? (uint8_t)chance(NULL) : 0;
    bytes[1] = 2;
    bytes[5] = (uint8_t)below(4);
    bytes[9] = (uint8_t)below(256);
    bytes[10] = (uint8_t)below(64);
  }
  for (uint32_t changes = below(5); changes && count; changes--) {
    size_t at = 1 + below((uint32_t)count);
    switch (below(6)) {
      case 0:
        bytes[at] = (uint8_t)chance(NULL);
        break;
      case 1:
        bytes[at] ^= (uint8_t)(1U << below(8));
        break;
      case 2:
        count = at - 1;
        break;
      case 3: { /* repeat a stretch */
        size_t n = 1 + below((uint32_t)(count - at + 1));
        if (count + n + 1 >= LARGEST) break;
        memmove(bytes + at + n, bytes + at, count + 1 - at);
        count += n;
        break;
      }
      case 4:
        bytes[at] = (uint8_t)"\"\\{}[]:,0-.eEu\xff\xed"[below(16)];
        break;
      default: { /* a piece of another one */
        const char *text = texts[below(TEXTS)];
        size_t n = strlen(text) / 2;
        if (at + n >= LARGEST) break;
        memcpy(bytes + at, text + below((uint32_t)n), n);
        if (at + n - 1 > count) count = at + n - 1;
        break;
      }
    }
  }
  return count + 1;
}

#ifdef LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t count, size_t largest);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t largest, unsigned int chosen);

/* Its own mutations, and now and then one of ours, so that it need not invent the protocol. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t largest, unsigned int chosen) {
  seed = chosen;
  return below(4) == 0 && largest >= LARGEST + 16 ? mutate(bytes) : LLVMFuzzerMutate(bytes, count, largest);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  if (!p || (count && bytes[0] == 255)) begin(count > 1 ? bytes[1] : 0);
  press();
  try(bytes, count);
  return 0;
}
#else
int main(int argc, char **argv) {
  static uint8_t bytes[LARGEST + 16];
  long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 20, inputs = 0;
  seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 20;
  clock_t until = clock() + seconds * CLOCKS_PER_SEC; /* of CPU: a busy machine tries as much as an idle one */
  while (clock() < until) {
    begin(chance(NULL));
    for (int i = 0; i < 500; i++, inputs++) {
      press();
      try(bytes, mutate(bytes));
    }
  }
  printf("%ld inputs in %ld s, longest words %lu bytes: nothing broke.\n", inputs, seconds, (unsigned long)longest_word);
  return 0;
}
#endif
