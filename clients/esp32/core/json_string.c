/* Within a string of JSON: UTF-8, escapes, surrogates. */
#include "json_string.h"

#include <string.h>

void json_letters(json_reader *r, const char *bytes, size_t count) {
  if (r->is_cut || r->count + count >= r->room) {
    r->is_cut = true;
    return;
  }
  memcpy(r->sink + r->count, bytes, count);
  r->count += count;
}

/* Take a whole letter, as UTF-8. */
static void letter(json_reader *r, uint32_t code) {
  char bytes[4];
  uint32_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* bytes after the first, six bits each */
  bytes[0] = (char)(more ? 0xff00 >> (more + 1) | code >> 6 * more : code);
  for (uint32_t i = 1; i <= more; i++) bytes[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3f));
  json_letters(r, bytes, more + 1);
}

static bool in_string(json_reader *r, uint8_t c) {
  if (c < 0x20) return false;
  if (c == '\\') {
    r->expects = ESCAPE;
  } else if (c < 0x80) {
    letter(r, c);
  } else {
    r->wanted = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    r->smallest = c >= 0xf0 ? 0x10000 : c >= 0xe0 ? 0x800 : 0x80;
    r->letter = c & (0x3fU >> r->wanted);
    r->expects = UTF8;
    return c >= 0xc2 && c <= 0xf4;
  }
  return true;
}

static bool in_utf8(json_reader *r, uint8_t c) {
  if ((c & 0xc0) != 0x80) return false;
  r->letter = r->letter << 6 | (c & 0x3f);
  if (--r->wanted) return true;
  if (r->letter < r->smallest || r->letter > 0x10ffff || (r->letter >= 0xd800 && r->letter < 0xe000)) return false;
  letter(r, r->letter);
  r->expects = IN_STRING;
  return true;
}

static bool in_escape(json_reader *r, uint8_t c) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (c == 'u') {
    r->letter = 0;
    r->wanted = 4;
    r->expects = HEX;
    return true;
  }
  const char *known = c ? strchr(from, c) : NULL;
  if (!known) return false;
  letter(r, (uint8_t)to[known - from]);
  r->expects = IN_STRING;
  return true;
}

static bool in_hex(json_reader *r, uint8_t c) {
  uint32_t small = c | 0x20U, digit = 16;
  if (c >= '0' && c <= '9') digit = c - (uint32_t)'0';
  if (small >= 'a' && small <= 'f') digit = small - 'a' + 10;
  if (digit == 16) return false;
  r->letter = r->letter << 4 | digit;
  if (--r->wanted) return true;
  bool is_second = r->letter >= 0xdc00 && r->letter < 0xe000;
  if (is_second != (r->high != 0)) return false; /* half a pair */
  if (r->letter >= 0xd800 && r->letter < 0xdc00) {
    r->high = r->letter;
    r->expects = SECOND_ESCAPE;
    return true;
  }
  letter(r, is_second ? 0x10000 + ((r->high - 0xd800) << 10) + (r->letter - 0xdc00) : r->letter);
  r->high = 0;
  r->expects = IN_STRING;
  return true;
}

bool json_in_string(json_reader *r, uint8_t c) {
  switch (r->expects) {
    case ESCAPE:
      return in_escape(r, c);
    case HEX:
      return in_hex(r, c);
    case SECOND_ESCAPE:
      r->expects = SECOND_U;
      return c == '\\';
    case SECOND_U:
      return c == 'u' && in_escape(r, c);
    case UTF8:
      return in_utf8(r, c);
    default: /* IN_STRING */
      return in_string(r, c);
  }
}
