#include "json_string.h"

#include <string.h>

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
    json_letters(r, (const char *)&c, 1);
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
      if (c == '"') return end_string(r);
      /* fall through */
    case ESCAPE:
    case HEX:
    case SECOND_ESCAPE:
    case SECOND_U:
    case UTF8:
      return json_in_string(r, c);
    case IN_LITERAL:
      return in_literal(r, c);
    case IN_NUMBER: {
      uint8_t after = number_after(r->number, c);
      if (after == BROKEN) return end_number(r) && between(r, c); /* the character after it */
      r->number = after;
      json_letters(r, (const char *)&c, 1);
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
