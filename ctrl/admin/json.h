/* json.h - what the dumps need on top of jansson. */
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "text.h"

/* Longer strings than anybody configures. */
#define JSON_STRING_MAX (64u << 10)

/* Sets a string; one that is not UTF-8 (a file name) is set with U+FFFD for what is not. */
void json_put_string(json_t *object, const char *key, const char *value);
/* Bytes that need not end with a NUL; what is not UTF-8 as above. */
void json_put_bytes(json_t *object, const char *key, const char *p, size_t n);
/* A string made of a text, which is freed; null for one that did not fit. A new reference. */
json_t *json_take_text(struct text *t);
void json_put_text(json_t *object, const char *key, struct text *t);
void json_put_int(json_t *object, const char *key, uint64_t value);
void json_put_bool(json_t *object, const char *key, bool value);

/* Takes value: appends it on one line. Sets out->full when memory is gone. */
void json_write(struct text *out, json_t *value);
