/* load.h - text to resources and problems, as the gateway would read it. */
#pragma once
#include <common/diag.h>
#include <model/model.h>

struct loaded {
	struct resource_set set;
	struct diags d;
};

/* Decodes, then validates every object, then the references between them. */
void load_text(struct loaded *l, const char *text);
void load_bytes(struct loaded *l, const char *file, const char *text, size_t len);
/* Decodes only: for several files before load_finish(). */
void load_decode(struct loaded *l, const char *file, const char *text, size_t len);
void load_start(struct loaded *l);
void load_finish(struct loaded *l);
void load_free(struct loaded *l);

/* The whole file, malloc'ed and NUL-terminated; NULL when there is none. */
char *load_file(const char *path, size_t *len);

/* The first problem with this code; NULL when there is none. */
const struct diag *load_find(const struct loaded *l, const char *code);
