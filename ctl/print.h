/* print.h - output for people and programs. What a configuration says reaches a terminal only
 * without control characters. */
#pragma once
#include <jansson.h>
#include <stdio.h>

/* A control character, which could move the cursor or worse, becomes \xNN. */
void print_char(FILE *out, char c);
void print_text(FILE *out, const char *s);

/* "2 s", "250 ms", "none" for 0. */
void print_duration(FILE *out, json_int_t us);

/* The document as a program reads it. */
void print_json(FILE *out, const json_t *j);

/* Members of an object; "" and 0 when they are absent or something else. */
const char *json_get_string(const json_t *object, const char *key);
json_int_t json_get_int(const json_t *object, const char *key);
