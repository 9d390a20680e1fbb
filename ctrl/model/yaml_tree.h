/* yaml_tree.h - one YAML document as a tree that remembers where everything was written.
 *
 * YAML here is what JSON can say: mappings with distinct string keys, sequences, scalars.
 * Aliases are allowed while the document they stand for stays small; merge keys, tags that
 * make other types, and NUL bytes are refused. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <common/arena.h>
#include <common/diag.h>

enum yaml_kind { YAML_SCALAR, YAML_SEQ, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	bool quoted; /* scalar in quotes, block style or !!str: always a string */
	struct pos pos;
	uint32_t n;      /* entries or items */
	uint32_t size;   /* nodes below and this one, aliases written out */
	uint32_t height; /* levels below and this one, the same */
	union {
		const char *text;         /* scalar */
		struct yaml_node **items; /* sequence */
		struct yaml_entry *entries;
	};
};

struct yaml_entry {
	struct yaml_node *key, *value;
};

struct yaml_reader;

/* file (for positions) and text are borrowed until the reader is destroyed. */
struct yaml_reader *yaml_reader_create(const char *file, const char *text, size_t len);
void yaml_reader_destroy(struct yaml_reader *r);
/* The text is a part of its file, from there on: positions are the file's. */
void yaml_reader_set_start(struct yaml_reader *r, struct text_start start);

enum yaml_result { YAML_DOCUMENT, YAML_END, YAML_ERROR };

/* The next document, built in the arena; *root is NULL when it is empty. A document with a
 * problem that is no syntax error is reported and skipped: *root is NULL too. After
 * YAML_ERROR (reported) nothing more can be read. */
enum yaml_result yaml_reader_next(struct yaml_reader *r, struct arena *a, struct diags *d,
				  struct yaml_node **root);

/* The value under a key; NULL when there is none or the node is no mapping. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* Absent, ~, null: a plain scalar that means nothing. NULL counts. */
bool yaml_is_null(const struct yaml_node *node);

/* true or false, unquoted. */
bool yaml_to_bool(const struct yaml_node *node, bool *out);

/* Would JSON call this plain scalar a number? */
bool yaml_is_number(const struct yaml_node *node);

/* "a mapping", "a list", "a string", "a number", "a boolean", "null" */
const char *yaml_describe(const struct yaml_node *node);

/* A hash of the content, positions and style left out. */
uint64_t yaml_hash(const struct yaml_node *node);
