/* What json_reader.c, which knows the grammar, and json_string.c, which knows letters, share. */
#ifndef PARLEY_JSON_STRING_H
#define PARLEY_JSON_STRING_H

#include "json_reader.h"

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

/* Keep some more of a name or a scalar; what does not fit is cut. */
void json_letters(json_reader *reader, const char *bytes, size_t count);
/* Take a character of a string, in whichever of the states from IN_STRING to UTF8; not the quote that ends it. False: no
 * string may have it. */
bool json_in_string(json_reader *reader, uint8_t c);

#endif
