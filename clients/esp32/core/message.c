#include "message.h"

#include <string.h>

#include "number.h"

typedef enum field_type { TYPE_U64, TYPE_U32, TYPE_MILLI, TYPE_BOOL, TYPE_STRING, TYPE_ENUM, TYPE_OBJECT, TYPE_ARRAY } field_type;

/* Where a field stands: which message, in which object of it ("" : the message itself), and where it goes. */
typedef struct message_field {
  uint8_t message;
  uint8_t type;
  uint16_t offset;
  const char *name;
  uint8_t parent; /* a field_parent */
  uint8_t names;  /* of an enum: an enum_names */
  uint16_t room;  /* of a string */
} message_field;

typedef enum field_parent { IN_MESSAGE, IN_LIMITS, IN_INPUT, IN_OUTPUT, IN_STAGES, IN_STRANGER } field_parent;
typedef enum enum_names { NAMES_ERROR, NAMES_CLOSED, NAMES_NOTICE, NAMES_STATE, NAMES_WHO, NAMES_ENCODING } enum_names;

const char *const error_names[] = {"UNSPECIFIED", "PROTOCOL", "VERSION",    "FORMAT", "FULL",  "UNAVAILABLE", "MODEL",
                                   "STORE",       "SUPERSEDED", "RESUME", "LIMIT", "INTERNAL",    "UNAUTHENTICATED", NULL};
const char *const closed_names[] = {"UNSPECIFIED", "CLIENT",   "SILENCE",  "GOODBYE", "ASSISTANT", "BUDGET", "TIME",
                                    "OPERATOR",    "DRAINING", "FAULT", NULL};
const char *const notice_names[] = {"UNSPECIFIED",     "ECHO_MISALIGNED",        "ECHO_UNREDUCED", "ECHO_UNSTAMPED",
                                    "ECHO_CANCELLER_MISSING", "MODEL_RECONNECTING", NULL};
static const char *const state_names[] = {"UNSPECIFIED", "IDLE", "LISTENING", "THINKING", "SPEAKING", "BARGE_IN", NULL};
static const char *const who_names[] = {"UNSPECIFIED", "USER", "ASSISTANT", NULL};
static const char *const encoding_names[] = {"UNSPECIFIED", "PCM16", "MULAW", "ALAW", "OPUS", NULL};

/* The names of each enum, and how long the prefix is that stands before them on the wire. */
static const struct {
  const char *const *names;
  size_t prefix;
} enums[] = {[NAMES_ERROR] = {error_names, sizeof "CODE_" - 1},
             [NAMES_CLOSED] = {closed_names, sizeof "CODE_" - 1},
             [NAMES_NOTICE] = {notice_names, sizeof "CODE_" - 1},
             [NAMES_STATE] = {state_names, sizeof "CONVERSATION_STATE_" - 1},
             [NAMES_WHO] = {who_names, sizeof "WHO_" - 1},
             [NAMES_ENCODING] = {encoding_names, sizeof "ENCODING_" - 1}};

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

static message_kind kind_named(const char *name) {
  for (int kind = MESSAGE_OPENED; kind < MESSAGES; kind++) {
    if (!strcmp(message_names[kind], name)) return (message_kind)kind;
  }
  return MESSAGE_NONE;
}

/* Which field of the message the value at the reader's place is; NULL: none that is known. */
static const message_field *field_here(const message_reader *r) {
  const json_reader *json = &r->json;
  if (json->depth < 2 || json->depth > 4) return NULL;
  uint64_t arrays = json->arrays & ((2U << json->depth) - 2); /* a bit for each level down to here */
  bool in_stage = json->depth == 4 && arrays == 1U << 3;      /* {turnReport:{stages:[{ */
  if (!in_stage && (json->depth > 3 || arrays)) return NULL;
  /* A value below a message that is not the one being read belongs to an unknown one. */
  if (kind_named(json->names[0]) != r->message.kind) return NULL;
  const char *parent = json->depth == 2 ? "" : json->names[1], *name = json->names[json->depth - 1];
  field_parent place = IN_MESSAGE;
  while (place < IN_STRANGER && strcmp(parent_names[place], parent) != 0) place++;
  for (size_t i = 0; i < FIELDS; i++) {
    const message_field *field = &fields[i];
    if (field->message == r->message.kind && field->parent == place && !strcmp(field->name, name)) return field;
  }
  return NULL;
}

/* Where a field is kept; NULL: there is no more room for stages. */
static void *place_of(message_reader *r, const message_field *field) {
  size_t offset = field->offset;
  if (field->parent == IN_STAGES) {
    if (!r->message.stage_count || r->message.stage_count > LARGEST_STAGES) return NULL;
    offset += (r->message.stage_count - 1U) * sizeof(turn_stage);
  }
  return (char *)&r->message + offset;
}

static void begins(void *self, json_reader *json) {
  message_reader *r = self;
  const message_field *field = field_here(r);
  void *place = field && field->type == TYPE_STRING ? place_of(r, field) : NULL;
  if (!place) return;
  json->sink = place;
  json->room = field->room;
}

static uint32_t code_named(const message_field *field, const char *word) {
  const char *const *names = enums[field->names].names;
  size_t prefix = enums[field->names].prefix;
  for (uint32_t i = 0; names[i]; i++) {
    if (strlen(word) > prefix && !strcmp(word + prefix, names[i])) return i;
  }
  return 0;
}

static bool set_enum(const message_field *field, void *place, const json_reader *json, json_kind kind) {
  uint64_t code = 0;
  if (kind == JSON_STRING) {
    code = json->is_cut ? 0 : code_named(field, json->sink);
  } else if (kind != JSON_NUMBER || !number_of(json->sink, &code)) {
    return false;
  }
  uint32_t count = 0;
  while (enums[field->names].names[count]) count++;
  if (code >= count) code = 0;
  if (field->names == NAMES_ENCODING) {
    *(uint8_t *)place = (uint8_t)code;
  } else {
    *(uint32_t *)place = (uint32_t)code;
  }
  return true;
}

static bool set_scalar(message_reader *r, const message_field *field, void *place, json_kind kind) {
  const json_reader *json = &r->json;
  bool is_number = !json->is_cut && (kind == JSON_NUMBER || kind == JSON_STRING);
  uint64_t number = 0;
  switch (field->type) {
    case TYPE_U64:
      return is_number && number_of(json->sink, (uint64_t *)place);
    case TYPE_U32:
      if (!is_number || !number_of(json->sink, &number) || number > UINT32_MAX) return false;
      *(uint32_t *)place = (uint32_t)number;
      return true;
    case TYPE_MILLI:
      return is_number && thousandths_of(json->sink, (int32_t *)place);
    case TYPE_BOOL:
      *(bool *)place = kind == JSON_TRUE;
      return kind == JSON_TRUE || kind == JSON_FALSE;
    case TYPE_ENUM:
      return set_enum(field, place, json, kind);
    case TYPE_STRING:
      r->message.words_cut |= json->is_cut && place == (void *)r->message.words;
      r->message.token_cut |= json->is_cut && place == (void *)r->message.resume_token;
      return kind == JSON_STRING;
    default:
      return false;
  }
}

/* Note which message it is. Two in one frame are refused. */
static bool is_named(message_reader *r, json_kind kind) {
  message_kind found = kind_named(r->json.names[0]);
  if (found == MESSAGE_NONE || kind == JSON_NULL) return true;
  if (kind != JSON_OBJECT || found == MESSAGE_AUDIO || r->message.kind != MESSAGE_NONE) return false;
  r->message.kind = found;
  return true;
}

static bool value(void *self, json_reader *json, json_kind kind) {
  message_reader *r = self;
  if (json->depth == 1) return is_named(r, kind);
  /* An item of `stages` begins. */
  if (json->depth == 3 && (json->arrays & 0xe) == 1 << 3 && r->message.kind == MESSAGE_TURN_REPORT &&
      !strcmp(json->names[0], message_names[MESSAGE_TURN_REPORT]) && !strcmp(json->names[1], "stages")) {
    if (r->message.stage_count <= LARGEST_STAGES) r->message.stage_count++;
    return kind == JSON_OBJECT;
  }
  const message_field *field = field_here(r);
  if (!field || kind == JSON_NULL) return true;
  if (field->type == TYPE_OBJECT || field->type == TYPE_ARRAY) {
    return kind == (field->type == TYPE_OBJECT ? JSON_OBJECT : JSON_ARRAY);
  }
  uint64_t elsewhere; /* a stage for which there is no room is read, and forgotten */
  void *place = place_of(r, field);
  return set_scalar(r, field, place ? place : &elsewhere, kind);
}

void message_begin(message_reader *r) {
  memset(r, 0, sizeof *r);
  json_read(&r->json, (json_listener){r, begins, value});
}

bool message_feed(message_reader *r, const uint8_t *bytes, size_t count) { return json_feed(&r->json, bytes, count); }

const message *message_end(message_reader *r) {
  if (!json_is_whole(&r->json)) return NULL;
  if (r->message.stage_count > LARGEST_STAGES) r->message.stage_count = LARGEST_STAGES;
  return &r->message;
}
