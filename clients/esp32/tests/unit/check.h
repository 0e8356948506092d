/* As much of a test framework as these tests need: on this machine and as rv32imc in an emulator. */
#ifndef PARLEY_CHECK_H
#define PARLEY_CHECK_H

#include <stdio.h>
#include <string.h>

extern int checks, failures;

#define CHECK(what)                                             \
  do {                                                          \
    checks++;                                                   \
    if (!(what)) {                                              \
      failures++;                                               \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
    }                                                           \
  } while (0)

#define CHECK_NUMBER(got, wanted)                                                                    \
  do {                                                                                               \
    long long got_ = (long long)(got), wanted_ = (long long)(wanted);                                \
    checks++;                                                                                        \
    if (got_ != wanted_) {                                                                           \
      failures++;                                                                                    \
      printf("%s:%d: %s is %ld, not %ld\n", __FILE__, __LINE__, #got, (long)got_, (long)wanted_);    \
    }                                                                                                \
  } while (0)

void test_codecs(void);
void test_json(void);
void test_messages(void);
void test_fader(void);
void test_playout(void);
void test_mic_line(void);
void test_speech(void);
void test_timing(void);
void test_session(void);
void test_calling(void);
void test_stop_key(void);
void test_device(void);
void test_formats(void);

#endif
