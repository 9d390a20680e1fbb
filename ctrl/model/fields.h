/* fields.h - messages described as tables, and the one decoder that reads them all.
 *
 * A row says what a field is called, what may stand there, and where it goes. The tables
 * know the whole schema, also what this version does not execute: a known field is never
 * called unknown, and what is not executed is said once, by its row. */
#pragma once
#include <stddef.h>

#include <common/codes.h>
#include <common/path.h>
#include <model/model.h>
#include <model/yaml_tree.h>

enum field_type {
	FIELD_STRING,   /* const char * */
	FIELD_BOOL,     /* bool */
	FIELD_INT32,    /* int32_t, a number or digits in quotes, min..max */
	FIELD_UINT16,   /* uint16_t, the same */
	FIELD_UINT32,   /* uint32_t, the same */
	FIELD_NUMBER,   /* double */
	FIELD_DURATION, /* uint64_t microseconds, at least 1ms, whole milliseconds */
	FIELD_SIZE,     /* uint64_t bytes, "512MiB" */
	FIELD_ENUM,     /* int, by name or number, of row.values */
	FIELD_STRINGS,  /* struct string_list */
	FIELD_LABELS,   /* struct labels */
	FIELD_MATCH,    /* struct string_match * */
	FIELD_MATCHES,  /* struct named_match *, uint32_t at count */
	FIELD_MESSAGE,  /* pointer to row.message's struct, NULL when absent */
	FIELD_INLINE,   /* row.message's fields are stored in the parent, from offset on */
	FIELD_LIST,     /* array of row.message's struct, uint32_t at count */
	FIELD_ANY,      /* anything, not looked at */
	FIELD_HOOK      /* row.decode() */
};

enum field_flag {
	FIELD_REFUSED = 1 << 0, /* not executed, and requests would notice: validation refuses it */
	FIELD_NO_EFFECT = 1 << 1,  /* not executed, and accepted with a warning */
	FIELD_PRESENT = 1 << 2,    /* set the bool at `count` when the field is there */
	FIELD_ZERO_OK = 1 << 3,    /* FIELD_DURATION: 0s is allowed */
	FIELD_ANY_CASE = 1 << 4,   /* FIELD_ENUM: names match without regard to case */
	FIELD_NAMES_ONLY = 1 << 5, /* FIELD_ENUM: numbers are not accepted */
	FIELD_QUOTED = 1 << 6,     /* a number or boolean, in quotes: annotations are strings */
};

#define FIELD_NOT_KEPT UINT16_MAX

struct decoder;
struct message;

struct enum_value {
	const char *name;
	int number; /* of the schema: accepted instead of the name */
	int stored; /* in the struct */
	bool old;   /* an old name for what another row stores */
};

struct field {
	const char *name; /* lowerCamelCase; snake_case is derived */
	enum field_type type;
	unsigned flags;
	uint16_t offset, count;
	int64_t min, max;
	const struct message *message;
	const struct enum_value *values;
	const char *initial; /* what the field is when it is absent, as written */
	const char *today;   /* an old form: what to do now */
	void (*decode)(struct decoder *dec, const struct yaml_node *node, void *out);
};

struct message {
	const char *name; /* as errors call it: "HTTPRoute" */
	size_t size;
	const struct field *fields; /* ends with a row without name */
	uint16_t pos;               /* struct pos of it, or FIELD_NOT_KEPT */
	uint16_t unsupported;       /* struct string_list of it, or FIELD_NOT_KEPT */
	const char *const *one_of;  /* names of which one may be set; ends with NULL */
	bool lenient;               /* unknown fields are ignored: other people's objects */
	bool keyed;                 /* names are keys of a map: path "around[name]" */
};

/* Row makers: storage in member m of struct s. */
#define AT(s, m)       .offset = offsetof(struct s, m)
#define COUNT(s, m)    .count = offsetof(struct s, m)
#define NOT_KEPT       .offset = FIELD_NOT_KEPT
#define RANGE(lo, hi)  .min = (lo), .max = (hi)
#define MESSAGE_POS(s) .pos = offsetof(struct s, pos)
#define NO_POS         .pos = FIELD_NOT_KEPT
#define NO_LIST        .unsupported = FIELD_NOT_KEPT
/* A message that is checked and not kept. */
#define CHECKED(n, rows)                                                                           \
	{                                                                                          \
		.name = (n), .fields = (rows), NO_POS, NO_LIST                                     \
	}
/* A message of struct s, which has a pos. */
#define KEPT(n, s, rows)                                                                           \
	{                                                                                          \
		.name = (n), .size = sizeof(struct s), .fields = (rows), MESSAGE_POS(s), NO_LIST   \
	}

/* What the decoder carries along. */
struct decoder {
	struct arena *arena; /* of the result */
	struct diags *d;
	const char *file;     /* lives as long as the result */
	const char *resource; /* for diags: "VirtualService default/reviews" */
	struct field_path path;
	/* Unsupported fields found, and the list of the message around, if it has one. */
	struct unsupported_fields unsupported;
	struct string_list *around;
	size_t around_path;          /* length of the path of that message */
	struct field_places *places; /* NULL: not recorded */
};

/* Decodes a mapping into *out (zeroed by the caller; NULL checks without keeping). */
void decode_message(struct decoder *dec, const struct message *m, const struct yaml_node *node,
		    void *out);

/* A list of messages; items is NULL to check without keeping. */
void decode_list(struct decoder *dec, const struct message *m, const struct yaml_node *node,
		 void **items, uint32_t *n);

/* Copies with the decoder's file name. */
struct pos decode_pos(const struct decoder *dec, const struct yaml_node *node);

__attribute__((format(printf, 4, 5))) void decode_error(struct decoder *dec, enum diag_code code,
							const struct yaml_node *node,
							const char *fmt, ...);

/* Notes that the field being decoded is not executed by this version. */
void decode_unsupported(struct decoder *dec, const struct yaml_node *node, bool refused);

/* Values, for hooks; false (reported) when the node is something else. */
bool decode_string(struct decoder *dec, const struct yaml_node *node, const char **out);
bool decode_bool(struct decoder *dec, const struct yaml_node *node, bool *out);
bool decode_number(struct decoder *dec, const struct yaml_node *node, double *out);
bool decode_int(struct decoder *dec, const struct yaml_node *node, int64_t min, int64_t max,
		int64_t *out);
bool decode_duration(struct decoder *dec, const struct yaml_node *node, unsigned flags,
		     uint64_t *out_us);
bool decode_enum(struct decoder *dec, const struct yaml_node *node, const struct field *f,
		 int *out);
bool decode_size(struct decoder *dec, const struct yaml_node *node, const struct field *f,
		 uint64_t *out_bytes);
void decode_strings(struct decoder *dec, const struct yaml_node *node, struct string_list *out);
void decode_labels(struct decoder *dec, const struct yaml_node *node, struct labels *out);
void decode_matches(struct decoder *dec, const struct yaml_node *node, struct named_match **out,
		    uint32_t *n);
struct string_match *decode_match(struct decoder *dec, const struct yaml_node *node);

/* Appends to a list that has no known length; items live in the decoder's arena. */
void string_list_add(struct arena *a, struct string_list *list, const char *s, struct pos pos);
