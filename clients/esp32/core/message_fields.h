/* Which messages there are, and which fields they have: what message.c reads by. */
#ifndef PARLEY_MESSAGE_FIELDS_H
#define PARLEY_MESSAGE_FIELDS_H

#include "message.h"

typedef enum field_type { TYPE_U64, TYPE_U32, TYPE_MILLI, TYPE_BOOL, TYPE_STRING, TYPE_ENUM, TYPE_OBJECT, TYPE_ARRAY } field_type;

typedef enum field_parent { IN_MESSAGE, IN_LIMITS, IN_INPUT, IN_OUTPUT, IN_STAGES, IN_STRANGER } field_parent;
typedef enum enum_names { NAMES_ERROR, NAMES_CLOSED, NAMES_NOTICE, NAMES_STATE, NAMES_WHO, NAMES_ENCODING } enum_names;

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

message_kind kind_named(const char *name);
/* The field of this name in that object of a message ("" : in the message itself); NULL: none that is known. */
const message_field *field_named(message_kind kind, const char *parent, const char *name);
/* The number of an enum's value; 0: it is not known. */
uint32_t code_named(const message_field *field, const char *word);
/* How many values an enum has. */
uint32_t codes_of(const message_field *field);

#endif
