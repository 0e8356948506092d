#include "message_fields.h"

#include <string.h>

#include "number.h"

/* Which field of the message the value at the reader's place is; NULL: none that is known. */
static const message_field *field_here(const message_reader *r) {
  const json_reader *json = &r->json;
  if (json->depth < 2 || json->depth > 4) return NULL;
  uint64_t arrays = json->arrays & ((2U << json->depth) - 2); /* a bit for each level down to here */
  bool in_stage = json->depth == 4 && arrays == 1U << 3;      /* {turnReport:{stages:[{ */
  if (!in_stage && (json->depth > 3 || arrays)) return NULL;
  /* A value below a message that is not the one being read belongs to an unknown one. */
  if (kind_named(json->names[0]) != r->message.kind) return NULL;
  return field_named(r->message.kind, json->depth == 2 ? "" : json->names[1], json->names[json->depth - 1]);
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

static bool set_enum(const message_field *field, void *place, const json_reader *json, json_kind kind) {
  uint64_t code = 0;
  if (kind == JSON_STRING) {
    code = json->is_cut ? 0 : code_named(field, json->sink);
  } else if (kind != JSON_NUMBER || !number_of(json->sink, &code)) {
    return false;
  }
  if (code >= codes_of(field)) code = 0;
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
      kind_named(json->names[0]) == MESSAGE_TURN_REPORT && !strcmp(json->names[1], "stages")) {
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
