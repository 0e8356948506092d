/* Runs them all. */
#include "check.h"

int checks, failures;

int main(void) {
  test_codecs();
  test_json();
  test_messages();
  test_fader();
  test_playout();
  test_mic_line();
  test_speech();
  test_timing();
  test_session();
  test_calling();
  test_stop_key();
  test_device();
  test_formats();
  printf("%d checks, %d failures.\n", checks, failures);
  return failures ? 1 : 0;
}
