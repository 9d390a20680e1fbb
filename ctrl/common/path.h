/* path.h - the path of a field ("spec.http[0].match[1].uri") while walking down to it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct field_path {
	size_t len; /* may exceed what text holds: then text is cut, never overrun */
	char text[512];
};

void field_path_init(struct field_path *p);

/* Each appends and returns the length before, which field_path_pop() takes. */
size_t field_path_push(struct field_path *p, const char *name);
size_t field_path_push_index(struct field_path *p, size_t index);
size_t field_path_push_key(struct field_path *p, const char *key); /* "headers[end-user]" */
void field_path_pop(struct field_path *p, size_t len);

/* FNV-1a of the first n bytes of a path. */
uint32_t field_path_hash(const char *text, size_t n);
