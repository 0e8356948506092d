#include "message_fields.h"

#include <string.h>

static const char *const error_names[] = {"UNSPECIFIED", "PROTOCOL", "VERSION",    "FORMAT", "FULL",  "UNAVAILABLE", "MODEL",
                                   "STORE",       "SUPERSEDED", "RESUME", "LIMIT", "INTERNAL",    "UNAUTHENTICATED"};
static const char *const closed_names[] = {"UNSPECIFIED", "CLIENT",   "SILENCE",  "GOODBYE", "ASSISTANT", "BUDGET", "TIME",
                                    "OPERATOR",    "DRAINING", "FAULT"};
static const char *const notice_names[] = {"UNSPECIFIED",     "ECHO_MISALIGNED",        "ECHO_UNREDUCED", "ECHO_UNSTAMPED",
                                    "ECHO_CANCELLER_MISSING", "MODEL_RECONNECTING"};
static const char *const state_names[] = {"UNSPECIFIED", "IDLE", "LISTENING", "THINKING", "SPEAKING", "BARGE_IN"};
static const char *const who_names[] = {"UNSPECIFIED", "USER", "ASSISTANT"};
static const char *const encoding_names[] = {"UNSPECIFIED", "PCM16", "MULAW", "ALAW", "OPUS"};

/* The names of each enum, and how long the prefix is that stands before them on the wire. */
#define NAMES(names, prefix) {names, sizeof prefix - 1, sizeof names / sizeof names[0]}
static const struct {
  const char *const *names;
  uint8_t prefix, count;
} enums[] = {[NAMES_ERROR] = NAMES(error_names, "CODE_"),
             [NAMES_CLOSED] = NAMES(closed_names, "CODE_"),
             [NAMES_NOTICE] = NAMES(notice_names, "CODE_"),
             [NAMES_STATE] = NAMES(state_names, "CONVERSATION_STATE_"),
             [NAMES_WHO] = NAMES(who_names, "WHO_"),
             [NAMES_ENCODING] = NAMES(encoding_names, "ENCODING_")};

static const char *const parent_names[] = {
    [IN_MESSAGE] = "", [IN_LIMITS] = "limits", [IN_INPUT] = "input", [IN_OUTPUT] = "output", [IN_STAGES] = "stages"};

static const char *const message_names[] = {
    [MESSAGE_OPENED] = "opened",     [MESSAGE_REPLY_ENDED] = "replyEnded", [MESSAGE_DUCK] = "duck",
    [MESSAGE_RELEASE] = "release",   [MESSAGE_FLUSH] = "flush",            [MESSAGE_CAPTION] = "caption",
    [MESSAGE_STATE] = "state",       [MESSAGE_TURN_REPORT] = "turnReport", [MESSAGE_ERROR] = "error",
    [MESSAGE_DRAINING] = "draining", [MESSAGE_CLOSED] = "closed",          [MESSAGE_HEARTBEAT] = "heartbeat",
    [MESSAGE_NOTICE] = "notice",     [MESSAGE_HEARD] = "heard",            [MESSAGE_AUDIO] = "audio"};

#define PLACE(field) ((uint16_t)offsetof(message, field))
#define NUMBER(kind, parent, name, type, field) {kind, type, PLACE(field), name, parent, 0, 0}
#define STRING(kind, parent, name, field) {kind, TYPE_STRING, PLACE(field), name, parent, 0, (uint16_t)sizeof(((message *)0)->field)}
#define NAMED(kind, parent, name, field, names) {kind, TYPE_ENUM, PLACE(field), name, parent, names, 0}
#define NESTED(kind, name, type) {kind, type, 0, name, IN_MESSAGE, 0, 0}

static const message_field fields[] = {
    STRING(MESSAGE_OPENED, IN_MESSAGE, "session", session),
    STRING(MESSAGE_OPENED, IN_MESSAGE, "resumeToken", resume_token),
    NESTED(MESSAGE_OPENED, "limits", TYPE_OBJECT),
    NUMBER(MESSAGE_OPENED, IN_MESSAGE, "leadMs", TYPE_U32, lead_ms),
    NUMBER(MESSAGE_OPENED, IN_MESSAGE, "protocol", TYPE_U32, protocol),
    NESTED(MESSAGE_OPENED, "input", TYPE_OBJECT),
    NESTED(MESSAGE_OPENED, "output", TYPE_OBJECT),
    NUMBER(MESSAGE_OPENED, IN_MESSAGE, "micOffset", TYPE_U64, mic_offset),
    NUMBER(MESSAGE_OPENED, IN_MESSAGE, "resumed", TYPE_BOOL, resumed),
    NUMBER(MESSAGE_OPENED, IN_MESSAGE, "resumeS", TYPE_U32, resume_s),
    NUMBER(MESSAGE_OPENED, IN_LIMITS, "maxFrameMs", TYPE_U32, max_frame_ms),
    NUMBER(MESSAGE_OPENED, IN_LIMITS, "maxSessionS", TYPE_U32, max_session_s),
    NUMBER(MESSAGE_OPENED, IN_LIMITS, "maxMessageBytes", TYPE_U32, max_message_bytes),
    NUMBER(MESSAGE_OPENED, IN_LIMITS, "maxMessagesPerS", TYPE_U32, max_messages_per_s),
    NUMBER(MESSAGE_OPENED, IN_LIMITS, "maxAheadMs", TYPE_U32, max_ahead_ms),
    NUMBER(MESSAGE_OPENED, IN_LIMITS, "maxIdleS", TYPE_U32, max_idle_s),
    NAMED(MESSAGE_OPENED, IN_INPUT, "encoding", input.encoding, NAMES_ENCODING),
    NUMBER(MESSAGE_OPENED, IN_INPUT, "rateHz", TYPE_U32, input.rate_hz),
    NAMED(MESSAGE_OPENED, IN_OUTPUT, "encoding", output.encoding, NAMES_ENCODING),
    NUMBER(MESSAGE_OPENED, IN_OUTPUT, "rateHz", TYPE_U32, output.rate_hz),
    NUMBER(MESSAGE_REPLY_ENDED, IN_MESSAGE, "reply", TYPE_U64, reply),
    NUMBER(MESSAGE_REPLY_ENDED, IN_MESSAGE, "samples", TYPE_U64, samples),
    NUMBER(MESSAGE_DUCK, IN_MESSAGE, "seq", TYPE_U64, seq),
    NUMBER(MESSAGE_DUCK, IN_MESSAGE, "gainDb", TYPE_MILLI, gain_mdb),
    NUMBER(MESSAGE_RELEASE, IN_MESSAGE, "seq", TYPE_U64, seq),
    NUMBER(MESSAGE_FLUSH, IN_MESSAGE, "seq", TYPE_U64, seq),
    NUMBER(MESSAGE_FLUSH, IN_MESSAGE, "floor", TYPE_U64, floor),
    NAMED(MESSAGE_CAPTION, IN_MESSAGE, "who", who, NAMES_WHO),
    STRING(MESSAGE_CAPTION, IN_MESSAGE, "text", words),
    NUMBER(MESSAGE_CAPTION, IN_MESSAGE, "final", TYPE_BOOL, final),
    NUMBER(MESSAGE_CAPTION, IN_MESSAGE, "reply", TYPE_U64, reply),
    NUMBER(MESSAGE_CAPTION, IN_MESSAGE, "position", TYPE_U64, position),
    NUMBER(MESSAGE_CAPTION, IN_MESSAGE, "turn", TYPE_U64, turn),
    NUMBER(MESSAGE_CAPTION, IN_MESSAGE, "interrupted", TYPE_BOOL, interrupted),
    NAMED(MESSAGE_STATE, IN_MESSAGE, "state", state, NAMES_STATE),
    NUMBER(MESSAGE_STATE, IN_MESSAGE, "turn", TYPE_U64, turn),
    NUMBER(MESSAGE_TURN_REPORT, IN_MESSAGE, "turn", TYPE_U64, turn),
    NUMBER(MESSAGE_TURN_REPORT, IN_MESSAGE, "reply", TYPE_U64, reply),
    NESTED(MESSAGE_TURN_REPORT, "stages", TYPE_ARRAY),
    STRING(MESSAGE_TURN_REPORT, IN_STAGES, "name", stages[0].name),
    NUMBER(MESSAGE_TURN_REPORT, IN_STAGES, "ms", TYPE_MILLI, stages[0].us),
    NAMED(MESSAGE_ERROR, IN_MESSAGE, "code", code, NAMES_ERROR),
    STRING(MESSAGE_ERROR, IN_MESSAGE, "message", words),
    NUMBER(MESSAGE_ERROR, IN_MESSAGE, "retryable", TYPE_BOOL, retryable),
    NUMBER(MESSAGE_DRAINING, IN_MESSAGE, "seconds", TYPE_U32, seconds),
    STRING(MESSAGE_CLOSED, IN_MESSAGE, "reason", words),
    NAMED(MESSAGE_CLOSED, IN_MESSAGE, "code", code, NAMES_CLOSED),
    NUMBER(MESSAGE_HEARTBEAT, IN_MESSAGE, "beat", TYPE_U64, beat),
    NAMED(MESSAGE_NOTICE, IN_MESSAGE, "code", code, NAMES_NOTICE),
    STRING(MESSAGE_NOTICE, IN_MESSAGE, "message", words),
    NUMBER(MESSAGE_HEARD, IN_MESSAGE, "receivedOffset", TYPE_U64, received_offset),
    NUMBER(MESSAGE_HEARD, IN_MESSAGE, "micOffset", TYPE_U64, mic_offset),
};

enum { FIELDS = sizeof fields / sizeof fields[0], MESSAGES = sizeof message_names / sizeof message_names[0] };

message_kind kind_named(const char *name) {
  for (int kind = MESSAGE_OPENED; kind < MESSAGES; kind++) {
    if (!strcmp(message_names[kind], name)) return (message_kind)kind;
  }
  return MESSAGE_NONE;
}

const message_field *field_named(message_kind kind, const char *parent, const char *name) {
  field_parent place = IN_MESSAGE;
  while (place < IN_STRANGER && strcmp(parent_names[place], parent) != 0) place++;
  for (size_t i = 0; i < FIELDS; i++) {
    const message_field *field = &fields[i];
    if (field->message == kind && field->parent == place && !strcmp(field->name, name)) return field;
  }
  return NULL;
}

uint32_t code_named(const message_field *field, const char *word) {
  const char *const *names = enums[field->names].names;
  size_t prefix = enums[field->names].prefix;
  for (uint32_t i = 0; i < enums[field->names].count; i++) {
    if (strlen(word) > prefix && !strcmp(word + prefix, names[i])) return i;
  }
  return 0;
}

uint32_t codes_of(const message_field *field) { return enums[field->names].count; }
