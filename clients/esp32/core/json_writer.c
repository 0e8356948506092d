#include "json_writer.h"

static void put(json_writer *w, char c) {
  if (w->count < w->room) {
    w->text[w->count++] = c;
  } else {
    w->is_full = true;
  }
}

static void put_all(json_writer *w, const char *text) {
  for (; *text; text++) put(w, *text);
}

static void put_escaped(json_writer *w, const char *text) {
  static const char hex[] = "0123456789abcdef";
  put(w, '"');
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      put(w, '\\');
      put(w, (char)c);
    } else if (c == '\n') {
      put_all(w, "\\n");
    } else if (c < 0x20) {
      put_all(w, "\\u00");
      put(w, hex[c >> 4]);
      put(w, hex[c & 15]);
    } else {
      put(w, (char)c);
    }
  }
  put(w, '"');
}

static void put_name(json_writer *w, const char *name) {
  if (w->needs_comma) put(w, ',');
  put(w, '"');
  put_all(w, name);
  put_all(w, "\":");
  w->needs_comma = true;
}

void json_begin(json_writer *w, char *text, size_t room) {
  w->text = text;
  w->room = room;
  w->count = 0;
  w->is_full = false;
  w->needs_comma = false;
}

void json_open(json_writer *w, const char *name) {
  if (name) put_name(w, name);
  put(w, '{');
  w->needs_comma = false;
}

void json_close(json_writer *w) {
  put(w, '}');
  w->needs_comma = true;
}

void json_string(json_writer *w, const char *name, const char *value) {
  if (!value || !*value) return;
  put_name(w, name);
  put_escaped(w, value);
}

void json_u64(json_writer *w, const char *name, uint64_t value) {
  char digits[21];
  decimal_of(value, digits);
  if (value) json_string(w, name, digits);
}

void json_u32(json_writer *w, const char *name, uint32_t value) {
  char digits[21];
  if (!value) return;
  decimal_of(value, digits);
  put_name(w, name);
  put_all(w, digits);
}

void json_true(json_writer *w, const char *name, bool value) {
  if (!value) return;
  put_name(w, name);
  put_all(w, "true");
}

size_t decimal_of(uint64_t value, char digits[21]) {
  char reversed[20];
  size_t count = 0;
  do {
    reversed[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  for (size_t i = 0; i < count; i++) digits[i] = reversed[count - 1 - i];
  digits[count] = 0;
  return count;
}
