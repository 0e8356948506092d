/* Writes one JSON object into a bounded buffer: as much JSON as the protocol needs. */
#ifndef PARLEY_JSON_WRITER_H
#define PARLEY_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What does not fit is left away and `is_full` set: the message must not be sent then. */
typedef struct json_writer {
  char *text;
  size_t room;
  size_t count;
  bool is_full;
  bool needs_comma;
} json_writer;

void json_begin(json_writer *w, char *text, size_t room);
/* Open an object: the outermost with name NULL. */
void json_open(json_writer *w, const char *name);
void json_close(json_writer *w);
/* A field. At its default (0, false, empty) it is left out, as protobuf's JSON mapping has it. */
void json_string(json_writer *w, const char *name, const char *value);
void json_u64(json_writer *w, const char *name, uint64_t value); /* as a string */
void json_u32(json_writer *w, const char *name, uint32_t value); /* as a number */
void json_true(json_writer *w, const char *name, bool value);

/* Write a number in decimal, NUL at its end; return how many digits. */
size_t decimal_of(uint64_t value, char digits[21]);

#endif
