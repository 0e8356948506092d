/* The server's messages: read whole or byte by byte, tolerant and bounded. */
#include "../../core/message.h"
#include "check.h"

static message_reader reader;

/* Read a text in pieces of `step` bytes; NULL: it is no message. */
static const message *read_in(const char *text, size_t step) {
  size_t count = strlen(text);
  message_begin(&reader);
  for (size_t i = 0; i < count; i += step) {
    if (!message_feed(&reader, (const uint8_t *)text + i, count - i < step ? count - i : step)) return NULL;
  }
  return message_end(&reader);
}

static const message *read(const char *text) { return read_in(text, 1); }

void test_messages(void) {
  static const char opened[] =
      "{\"opened\":{\"session\":\"s1\",\"resumeToken\":\"s1.x\",\"limits\":{\"maxFrameMs\":200},\"leadMs\":100,\"protocol\":1,"
      "\"input\":{\"encoding\":\"ENCODING_PCM16\",\"rateHz\":16000},\"micOffset\":\"331840\",\"resumed\":true,\"resumeS\":30}}";
  for (size_t step = 1; step < sizeof opened; step += 5) {
    const message *got = read_in(opened, step);
    CHECK(got && got->kind == MESSAGE_OPENED && got->mic_offset == 331840 && got->resumed && got->resume_s == 30);
    CHECK(got && !strcmp(got->resume_token, "s1.x") && got->max_frame_ms == 200 && got->input.encoding == 1);
  }
  const message *got = read("{\"duck\":{\"seq\":\"4\",\"gainDb\":-12.5}}");
  CHECK(got && got->kind == MESSAGE_DUCK && got->seq == 4 && got->gain_mdb == -12500);
  got = read("{\"flush\":{\"mood\":{\"seq\":\"9\",\"c\":[1,{\"floor\":\"3\"}]},\"seq\":3,\"floor\":null}}");
  CHECK(got && got->kind == MESSAGE_FLUSH && got->seq == 3 && got->floor == 0); /* strangers' fields are not ours */
  got = read("{\"turnReport\":{\"turn\":\"1\",\"stages\":[{\"name\":\"a\",\"ms\":1.5},{\"name\":\"b\"}],\"reply\":\"2\"}}");
  CHECK(got && got->stage_count == 2 && got->stages[0].us == 1500 && !strcmp(got->stages[1].name, "b") && got->reply == 2);
  got = read("{\"closed\":{\"reason\":\"Over.\",\"code\":\"CODE_BORED\"}}");
  CHECK(got && got->kind == MESSAGE_CLOSED && got->code == 0 && !strcmp(got->words, "Over."));
  got = read("{\"reply_ended\":{\"reply\":\"1\",\"samples\":\"480\"}}");
  CHECK(got && got->kind == MESSAGE_REPLY_ENDED && got->samples == 480);
  CHECK(read("{}") && read("{}")->kind == MESSAGE_NONE);
  CHECK(read(" {\"sing\":[{\"song\":\"la\"}]}\n") != NULL);

  static const char *const bad[] = {"",
                                    "flush",
                                    "[]",
                                    "{\"flush\":{\"seq\":\"3\"",
                                    "{\"flush\":{\"seq\":\"3\",}}",
                                    "{\"release\":{}}{\"release\":{}}",
                                    "{\"duck\":{},\"flush\":{}}",
                                    "{\"flush\":{\"seq\":-1}}",
                                    "{\"flush\":{\"seq\":{}}}",
                                    "{\"flush\":[]}",
                                    "{\"caption\":{\"text\":\"\\ud83d\"}}",
                                    "{\"caption\":{\"text\":\"\xc0\xaf\"}}",
                                    "{\"caption\":{\"text\":\"\xed\xa0\x80\"}}",
                                    "{\"a\":01}",
                                    "{\"a\":1.}",
                                    "{\"a\":-}",
                                    "{\"a\":tru}",
                                    "{\"a\" 1}",
                                    "{\"audio\":{}}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(!read(bad[i]));

  /* Words longer than there is room for end with a whole letter; nesting is bounded. */
  static char text[2000];
  strcpy(text, "{\"notice\":{\"message\":\"x");
  for (int i = 0; i < 400; i++) strcat(text, "\xc3\xbc");
  strcat(text, "\"}}");
  got = read_in(text, 100);
  CHECK(got && got->words_cut && strlen(got->words) == 255 && (uint8_t)got->words[254] == 0xbc);
  strcpy(text, "{\"a\":");
  for (int i = 0; i < 100; i++) strcat(text, "[");
  CHECK(!read_in(text, 100));
}
