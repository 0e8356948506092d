#include "json_reader.h"

#include <string.h>

enum expects {
  VALUE,           /* a value */
  ITEM_OR_END,     /* the first item of an array, or its end */
  NAME_OR_END,     /* the first name in an object, or its end */
  NAME,            /* a name, after a comma */
  COLON,           /* after a name */
  COMMA_OR_END,    /* after a value */
  IN_STRING,
  ESCAPE,          /* after a backslash */
  HEX,             /* within \uXXXX */
  SECOND_ESCAPE,   /* a first surrogate needs \u after it: its backslash */
  SECOND_U,        /* … and its u */
  UTF8,            /* within a letter of several bytes */
  IN_NUMBER,
  IN_LITERAL,
  END,             /* nothing but blanks may follow */
  BROKEN
};

enum number_state { SIGN, ZERO, WHOLE, POINT, FRACTION, E, E_SIGN, EXPONENT };

static const char *const literals[] = {[JSON_TRUE] = "true", [JSON_FALSE] = "false", [JSON_NULL] = "null"};

void json_read(json_reader *r, json_listener listener) {
  memset(r, 0, sizeof *r);
  r->listener = listener;
  r->expects = VALUE;
  r->sink = r->token;
}

bool json_is_whole(const json_reader *r) { return r->expects == END; }

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool in_array(const json_reader *r) { return r->depth && (r->arrays >> r->depth) & 1; }

/* What comes after a value. */
static void ended(json_reader *r) { r->expects = r->depth ? COMMA_OR_END : END; }

static void letters(json_reader *r, const char *bytes, size_t count) {
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
  size_t count = 0;
  if (code < 0x80) {
    bytes[count++] = (char)code;
  } else {
    if (code < 0x800) {
      bytes[count++] = (char)(0xc0 | code >> 6);
    } else {
      if (code < 0x10000) {
        bytes[count++] = (char)(0xe0 | code >> 12);
      } else {
        bytes[count++] = (char)(0xf0 | code >> 18);
        bytes[count++] = (char)(0x80 | (code >> 12 & 0x3f));
      }
      bytes[count++] = (char)(0x80 | (code >> 6 & 0x3f));
    }
    bytes[count++] = (char)(0x80 | (code & 0x3f));
  }
  letters(r, bytes, count);
}

static bool tell(json_reader *r, json_kind kind) { return r->listener.value(r->listener.self, r, kind); }

/* Keep a name as lowerCamelCase: `reply_ended` is `replyEnded`. Names that are too long, or deeper, are "". */
static void keep_name(json_reader *r) {
  if (r->depth > JSON_LEVELS) return;
  char *name = r->names[r->depth - 1];
  size_t count = 0;
  for (size_t i = 0; i < r->count && !r->is_cut && count < JSON_NAME_BYTES; i++) {
    char c = r->sink[i];
    if (c == '_' && i + 1 < r->count && r->sink[i + 1] >= 'a' && r->sink[i + 1] <= 'z') c = (char)(r->sink[++i] - 'a' + 'A');
    name[count++] = c;
  }
  name[count < JSON_NAME_BYTES ? count : 0] = 0;
}

static void begin_token(json_reader *r) {
  r->sink = r->token;
  r->room = sizeof r->token;
  r->count = 0;
  r->is_cut = false;
}

static void begin_string(json_reader *r, bool is_name) {
  begin_token(r);
  r->is_name = is_name;
  r->expects = IN_STRING;
  if (!is_name) r->listener.begins(r->listener.self, r);
}

static bool end_string(json_reader *r) {
  r->sink[r->count] = 0;
  if (r->is_name) {
    keep_name(r);
    r->expects = COLON;
    return true;
  }
  ended(r);
  return tell(r, JSON_STRING);
}

static bool open(json_reader *r, bool is_array) {
  if (r->depth == JSON_DEEPEST || (r->depth && !tell(r, is_array ? JSON_ARRAY : JSON_OBJECT))) return false;
  r->depth++;
  uint64_t bit = (uint64_t)1 << r->depth;
  r->arrays = is_array ? r->arrays | bit : r->arrays & ~bit;
  if (r->depth <= JSON_LEVELS) r->names[r->depth - 1][0] = 0;
  r->expects = is_array ? ITEM_OR_END : NAME_OR_END;
  return true;
}

static bool close(json_reader *r, uint8_t c) {
  if (!r->depth || (c == ']') != in_array(r)) return false;
  r->depth--;
  ended(r);
  return true;
}

static bool begin_value(json_reader *r, uint8_t c) {
  if (!r->depth && c != '{') return false; /* a message is an object */
  if (c == '{' || c == '[') return open(r, c == '[');
  if (c == '"') {
    begin_string(r, false);
    return true;
  }
  begin_token(r);
  if (c == '-' || (c >= '0' && c <= '9')) {
    r->number = c == '-' ? SIGN : c == '0' ? ZERO : WHOLE;
    r->expects = IN_NUMBER;
    letters(r, (const char *)&c, 1);
    return true;
  }
  for (json_kind kind = JSON_TRUE; kind <= JSON_NULL; kind++) {
    if (c == (uint8_t)literals[kind][0]) {
      r->kind = kind;
      r->literal = 1;
      r->expects = IN_LITERAL;
      return true;
    }
  }
  return false;
}

static bool in_literal(json_reader *r, uint8_t c) {
  const char *word = literals[r->kind];
  if (c != (uint8_t)word[r->literal]) return false;
  if (word[++r->literal]) return true;
  r->sink[0] = 0;
  ended(r);
  return tell(r, r->kind);
}

/* The state of a number after a character of it; BROKEN where it is none. */
static uint8_t number_after(uint8_t state, uint8_t c) {
  bool digit = c >= '0' && c <= '9';
  bool may_point = state == ZERO || state == WHOLE;
  if (digit) {
    static const uint8_t after[] = {[SIGN] = WHOLE,         [ZERO] = BROKEN, [WHOLE] = WHOLE,     [POINT] = FRACTION,
                                    [FRACTION] = FRACTION, [E] = EXPONENT,  [E_SIGN] = EXPONENT, [EXPONENT] = EXPONENT};
    return state == SIGN && c == '0' ? ZERO : after[state];
  }
  if (c == '.' && may_point) return POINT;
  if ((c == 'e' || c == 'E') && (may_point || state == FRACTION)) return E;
  if ((c == '+' || c == '-') && state == E) return E_SIGN;
  return BROKEN;
}

static bool end_number(json_reader *r) {
  if (r->number == SIGN || r->number == POINT || r->number == E || r->number == E_SIGN) return false;
  r->sink[r->count] = 0;
  ended(r);
  return tell(r, JSON_NUMBER);
}

static bool in_string(json_reader *r, uint8_t c) {
  if (c == '"') return end_string(r);
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

static bool between(json_reader *r, uint8_t c) {
  if (is_blank(c)) return true;
  switch (r->expects) {
    case VALUE:
      return begin_value(r, c);
    case ITEM_OR_END:
      return c == ']' ? close(r, c) : begin_value(r, c);
    case NAME_OR_END:
      if (c == '}') return close(r, c);
      /* fall through */
    case NAME:
      if (c != '"') return false;
      begin_string(r, true);
      return true;
    case COLON:
      r->expects = VALUE;
      return c == ':';
    case COMMA_OR_END:
      if (c != ',') return (c == '}' || c == ']') && close(r, c);
      r->expects = in_array(r) ? VALUE : NAME;
      return true;
    default: /* END */
      return false;
  }
}

static bool step(json_reader *r, uint8_t c) {
  switch (r->expects) {
    case IN_STRING:
      return in_string(r, c);
    case ESCAPE:
      return in_escape(r, c);
    case HEX:
      return in_hex(r, c);
    case SECOND_ESCAPE:
      r->expects = SECOND_U;
      return c == '\\';
    case SECOND_U:
      r->letter = 0;
      r->wanted = 4;
      r->expects = HEX;
      return c == 'u';
    case UTF8:
      return in_utf8(r, c);
    case IN_LITERAL:
      return in_literal(r, c);
    case IN_NUMBER: {
      uint8_t after = number_after(r->number, c);
      if (after == BROKEN) return end_number(r) && between(r, c); /* the character after it */
      r->number = after;
      letters(r, (const char *)&c, 1);
      return true;
    }
    default:
      return between(r, c);
  }
}

bool json_feed(json_reader *r, const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count && r->expects != BROKEN; i++) {
    if (!step(r, bytes[i])) r->expects = BROKEN;
  }
  return r->expects != BROKEN;
}
