/* Reads one JSON object, byte after byte, in bounded memory: who listens is told of every value and where it stands.
 * Strict in its grammar (RFC 8259, UTF-8 included), tolerant of what nobody asked for. */
#ifndef PARLEY_JSON_READER_H
#define PARLEY_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_LEVELS 4       /* of which the names are known */
#define JSON_NAME_BYTES 24  /* longer names are "" */
#define JSON_TOKEN_BYTES 48 /* of numbers and of strings for which nobody gives more room; longer ones are cut */
#define JSON_DEEPEST 60     /* what is nested deeper is refused */

typedef enum json_kind { JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL, JSON_OBJECT, JSON_ARRAY } json_kind;

typedef struct json_reader json_reader;

typedef struct json_listener {
  void *self;
  /* A string value begins: give the reader's `sink` and `room` (NUL counted) if it shall go elsewhere than to `token`. */
  void (*begins)(void *self, json_reader *reader);
  /* A value: a scalar is in `sink` (`count`, `is_cut`, NUL at its end); an object or array has just begun. It stands at
   * `depth` (1: a field of the outermost object), its name and those above it in `names[depth - 1]`… False: refused. */
  bool (*value)(void *self, json_reader *reader, json_kind kind);
} json_listener;

struct json_reader {
  json_listener listener;
  uint8_t expects; /* the state of the grammar */
  uint8_t depth;   /* how many objects and arrays are open; of a value told of: how many it stands in */
  uint8_t number;  /* the state within a number */
  uint8_t literal; /* how much of true, false, null has come */
  json_kind kind;
  bool is_name;    /* the string being read is a name */
  bool is_cut;
  uint64_t arrays; /* a bit for each level: it is an array */
  uint32_t letter; /* of \u or UTF-8, so far */
  uint32_t high;   /* a first surrogate that waits for its second */
  uint32_t smallest;
  uint8_t wanted;  /* more digits or bytes of it */
  char *sink;
  size_t room, count;
  char names[JSON_LEVELS][JSON_NAME_BYTES];
  char token[JSON_TOKEN_BYTES];
};

void json_read(json_reader *reader, json_listener listener);
/* Take the next bytes. False: this is no JSON, or somebody refused it; nothing more is taken then. */
bool json_feed(json_reader *reader, const uint8_t *bytes, size_t count);
/* Whether one whole object has been read, and nothing else. */
bool json_is_whole(const json_reader *reader);

#endif
