/* What the server says in text frames: one message, read piece by piece. */
#ifndef PARLEY_MESSAGE_H
#define PARLEY_MESSAGE_H

#include "json_reader.h"
#include "parley.h"

#define RESUME_TOKEN_BYTES 192
#define LARGEST_STAGES 12 /* of a turn report; more are passed over */

typedef enum message_kind {
  MESSAGE_NONE, /* nothing, or a message of a newer server */
  MESSAGE_OPENED,
  MESSAGE_REPLY_ENDED,
  MESSAGE_DUCK,
  MESSAGE_RELEASE,
  MESSAGE_FLUSH,
  MESSAGE_CAPTION,
  MESSAGE_STATE,
  MESSAGE_TURN_REPORT,
  MESSAGE_ERROR,
  MESSAGE_DRAINING,
  MESSAGE_CLOSED,
  MESSAGE_HEARTBEAT,
  MESSAGE_NOTICE,
  MESSAGE_HEARD,
  MESSAGE_AUDIO /* as text: refused */
} message_kind;

/* Codes of `error` and `closed` that the core acts upon. */
enum { ERROR_SUPERSEDED = 8, ERROR_LIMIT = 10, CLOSED_DRAINING = 8 };

typedef struct wire_format {
  uint8_t encoding; /* as parley_encoding; 0: not said, or unknown */
  uint32_t rate_hz;
} wire_format;

typedef struct turn_stage {
  char name[28];
  int32_t us;
} turn_stage;

/* The fields of whichever message it is; those of others, and those left out, are 0. */
typedef struct message {
  message_kind kind;
  uint64_t seq, floor, reply, position, turn, samples, beat, received_offset, mic_offset;
  int32_t gain_mdb; /* thousandths of a dB */
  uint32_t lead_ms, protocol, resume_s, seconds;
  uint32_t max_frame_ms, max_session_s, max_message_bytes, max_messages_per_s, max_ahead_ms, max_idle_s;
  uint32_t who, state, code;
  bool final, interrupted, retryable, resumed;
  bool words_cut, token_cut;
  uint8_t stage_count;
  wire_format input, output;
  char session[48];
  char resume_token[RESUME_TOKEN_BYTES];
  char words[PARLEY_WORDS_BYTES]; /* text, message or reason */
  turn_stage stages[LARGEST_STAGES];
} message;

/* Reads one message. */
typedef struct message_reader {
  json_reader json;
  message message;
} message_reader;

void message_begin(message_reader *reader);
/* Take the next bytes. False: it is no message of Parley. */
bool message_feed(message_reader *reader, const uint8_t *bytes, size_t count);
/* Return the message, whole; NULL: what came is none. */
const message *message_end(message_reader *reader);

#endif
