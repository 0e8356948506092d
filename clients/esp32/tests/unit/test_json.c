/* Numbers, the writer, and a reader that gets its bytes one by one. */
#include "../../core/json_writer.h"
#include "../../core/number.h"
#include "../../core/requests.h"
#include "check.h"

static int whole(const char *text) {
  uint64_t value;
  return number_of(text, &value) ? (int)value : -1;
}

static int milli(const char *text) {
  int32_t value;
  return thousandths_of(text, &value) ? value : -1;
}

void test_json(void) {
  CHECK_NUMBER(whole("12"), 12);
  CHECK_NUMBER(whole("1.0"), 1);
  CHECK_NUMBER(whole("1.2e3"), 1200);
  CHECK_NUMBER(whole("-0"), 0);
  CHECK_NUMBER(whole("1.5"), -1);
  CHECK_NUMBER(whole("-1"), -1);
  CHECK_NUMBER(whole(""), -1);
  CHECK_NUMBER(whole("three"), -1);
  CHECK_NUMBER(whole("1e99999999999"), -1);
  uint64_t largest;
  CHECK(number_of("18446744073709551615", &largest) && largest == UINT64_MAX);
  CHECK(!number_of("18446744073709551616", &largest));
  CHECK(!number_of("123456789012345678901234567890", &largest));
  CHECK_NUMBER(milli("-12.5"), -12500);
  CHECK_NUMBER(milli("14.523284"), 14523);
  CHECK_NUMBER(milli("2e-3"), 2);
  CHECK_NUMBER(milli("1e30"), 2147483647);
  CHECK_NUMBER(milli("-1e39"), -1);
  CHECK_NUMBER(milli("0e39"), 0); /* nothing stays nothing, however far its point is moved */
  CHECK_NUMBER(milli("-0.00e41"), 0);
  CHECK_NUMBER(milli("0e99999"), 0);
  CHECK_NUMBER(whole("0e39"), 0);
  CHECK_NUMBER(milli("0.0004"), 0);
  CHECK_NUMBER(milli("0.0005"), 1);

  char digits[21];
  CHECK_NUMBER(decimal_of(UINT64_MAX, digits), 20);
  CHECK(!strcmp(digits, "18446744073709551615"));
  decimal_of(0, digits);
  CHECK(!strcmp(digits, "0"));

  char text[256];
  size_t count = write_say(text, sizeof text, "\"a\\b\"\n\x01 \xc3\xbc", "7");
  static const char said[] = "{\"say\":{\"text\":\"\\\"a\\\\b\\\"\\n\\u0001 \xc3\xbc\",\"id\":\"7\"}}";
  CHECK(count == strlen(said) && !memcmp(text, said, count));
  CHECK_NUMBER(write_say(text, 20, "much more than fits", "1"), 0); /* nothing rather than half of it */
  count = write_mute(text, sizeof text, false);
  CHECK(count == strlen("{\"mute\":{}}") && !memcmp(text, "{\"mute\":{}}", count));
}
