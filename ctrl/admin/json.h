/* json.h - what the dumps need on top of jansson. */
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "text.h"

/* Sets a string; one that is not UTF-8 (a file name) is set with U+FFFD for what is not. */
void json_put_string(json_t *object, const char *key, const char *value);
void json_put_int(json_t *object, const char *key, uint64_t value);
void json_put_bool(json_t *object, const char *key, bool value);

/* Takes value: appends it on one line. Sets out->full when memory is gone. */
void json_write(struct text *out, json_t *value);
