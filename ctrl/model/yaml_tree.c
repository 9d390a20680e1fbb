/* yaml_tree.c - libyaml events to a tree, with the limits that untrusted text needs. */
#include <model/yaml_tree.h>

#include <stdlib.h>
#include <string.h>

#include <common/codes.h>
#include <yaml.h>

#define DEPTH_MAX   64
#define NODES_MAX   2000000u /* aliases written out: "billion laughs" ends here */
#define ANCHORS_MAX 1000u

struct anchor {
	char *name;
	struct yaml_node *node; /* NULL while it is being built: an alias to it is a cycle */
};

struct yaml_reader {
	yaml_parser_t parser;
	const char *file;
	struct text_start start;
	bool failed;
	/* While one document is built: */
	struct arena *arena;
	struct diags *d;
	bool bad; /* reported; the rest of the document is only consumed */
	unsigned depth;
	uint32_t nodes;
	struct anchor *anchors;
	size_t n_anchors;
};

struct yaml_reader *yaml_reader_create(const char *file, const char *text, size_t len)
{
	struct yaml_reader *r = calloc(1, sizeof(*r));

	if (!r || !yaml_parser_initialize(&r->parser)) {
		fputs("weir: out of memory while reading YAML\n", stderr);
		abort();
	}
	r->file = file;
	r->start.line = 1;
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, len);
	return r;
}

void yaml_reader_set_start(struct yaml_reader *r, struct text_start start)
{
	r->start = start;
}

void yaml_reader_destroy(struct yaml_reader *r)
{
	if (!r)
		return;
	yaml_parser_delete(&r->parser);
	free(r->anchors);
	free(r);
}

static struct pos mark_pos(const struct yaml_reader *r, yaml_mark_t mark)
{
	return (struct pos){.file = r->file,
			    .line = (unsigned)mark.line + r->start.line,
			    .col = (unsigned)mark.column + 1};
}

static void syntax_error(struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	yaml_mark_t mark = p->problem_mark;
	const char *problem = p->problem ? p->problem : "not enough memory";

	r->failed = true;
	if (p->error == YAML_READER_ERROR) {
		diag_report(r->d, DIAG_YAML_SYNTAX, (struct pos){.file = r->file}, "", "",
			    "%s at byte %zu: the file must be UTF-8 text", problem,
			    r->start.byte + p->problem_offset);
		return;
	}
	if (p->context)
		diag_report(r->d, DIAG_YAML_SYNTAX, mark_pos(r, mark), "", "", "%s (%s)", problem,
			    p->context);
	else
		diag_report(r->d, DIAG_YAML_SYNTAX, mark_pos(r, mark), "", "", "%s", problem);
}

static bool next_event(struct yaml_reader *r, yaml_event_t *event)
{
	if (r->failed)
		return false;
	if (!yaml_parser_parse(&r->parser, event)) {
		syntax_error(r);
		return false;
	}
	return true;
}

static void refuse(struct yaml_reader *r, enum diag_code code, yaml_mark_t mark, const char *why)
{
	if (!r->bad)
		diag_report(r->d, code, mark_pos(r, mark), "", "", "%s", why);
	r->bad = true;
}

static struct yaml_node *new_node(struct yaml_reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
	struct yaml_node *node = arena_alloc(r->arena, sizeof(*node));

	node->kind = kind;
	node->pos = mark_pos(r, mark);
	node->size = 1;
	node->height = 1;
	if (++r->nodes > NODES_MAX)
		refuse(r, DIAG_YAML_LIMIT, mark, "the document is too large");
	return node;
}

/* Stands where something refused stood, so that the rest of the document can be read. */
static struct yaml_node *empty_scalar(struct yaml_reader *r, yaml_mark_t mark)
{
	struct yaml_node *node = new_node(r, YAML_SCALAR, mark);

	node->text = "";
	return node;
}

static struct anchor *find_anchor(struct yaml_reader *r, const char *name)
{
	size_t i;

	for (i = r->n_anchors; i > 0; i--)
		if (strcmp(r->anchors[i - 1].name, name) == 0)
			return &r->anchors[i - 1];
	return NULL;
}

/* Returns the index of the new anchor, to be completed when its node is. */
static size_t add_anchor(struct yaml_reader *r, const yaml_char_t *name, yaml_mark_t mark)
{
	struct anchor *items;

	if (r->n_anchors == ANCHORS_MAX) {
		refuse(r, DIAG_YAML_LIMIT, mark, "too many anchors in one document");
		return 0;
	}
	items = realloc(r->anchors, (r->n_anchors + 1) * sizeof(*items));
	if (!items)
		abort();
	r->anchors = items;
	items[r->n_anchors].name = arena_strdup(r->arena, (const char *)name);
	items[r->n_anchors].node = NULL;
	return r->n_anchors++;
}

/* Only tags that restate what JSON knows; sets quoted for !!str. */
static void check_tag(struct yaml_reader *r, const yaml_char_t *tag, yaml_mark_t mark,
		      struct yaml_node *node)
{
	static const char *const plain[] = {"str", "int", "float", "bool", "null", "map", "seq"};
	static const char prefix[] = "tag:yaml.org,2002:";
	const char *name = (const char *)tag;
	size_t i;

	if (!tag)
		return;
	if (strcmp(name, "!") == 0) {
		node->quoted = true;
		return;
	}
	if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
		name += sizeof(prefix) - 1;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(name, plain[i]) != 0)
			continue;
		if (i == 0)
			node->quoted = true;
		return;
	}
	refuse(r, DIAG_YAML_UNSUPPORTED, mark, "YAML tags are not allowed: write a plain value");
}

static struct yaml_node *build_scalar(struct yaml_reader *r, const yaml_event_t *e)
{
	struct yaml_node *node = new_node(r, YAML_SCALAR, e->start_mark);
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;

	check_tag(r, e->data.scalar.tag, e->start_mark, node);
	if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		node->quoted = true;
	if (memchr(text, '\0', len))
		refuse(r, DIAG_YAML_UNSUPPORTED, e->start_mark,
		       "a string may not contain a NUL character");
	node->text = arena_strndup(r->arena, text, len);
	return node;
}

static struct yaml_node *build_alias(struct yaml_reader *r, const yaml_event_t *e)
{
	struct anchor *anchor = find_anchor(r, (const char *)e->data.alias.anchor);

	if (!anchor) {
		refuse(r, DIAG_YAML_UNSUPPORTED, e->start_mark,
		       "the alias has no anchor before it");
	} else if (!anchor->node) {
		refuse(r, DIAG_YAML_UNSUPPORTED, e->start_mark, "the alias contains itself");
	} else if (anchor->node->height + r->depth > DEPTH_MAX) {
		refuse(r, DIAG_YAML_LIMIT, e->start_mark, "values are nested too deep");
	} else if (anchor->node->size > NODES_MAX - r->nodes) {
		refuse(r, DIAG_YAML_LIMIT, e->start_mark,
		       "the aliases of this document multiply to too many values");
	} else {
		r->nodes += anchor->node->size;
		return anchor->node;
	}
	return empty_scalar(r, e->start_mark);
}

/* Children are collected on a growing list and copied to the arena once. */
struct children {
	struct yaml_node **items;
	size_t n, cap;
};

static void add_child(struct children *c, struct yaml_node *node)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->items = realloc(c->items, c->cap * sizeof(*c->items));
		if (!c->items)
			abort();
	}
	c->items[c->n++] = node;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_entry *x = *(struct yaml_entry *const *)a;
	const struct yaml_entry *y = *(struct yaml_entry *const *)b;
	int order = strcmp(x->key->text, y->key->text);

	if (order == 0)
		order = x < y ? -1 : x > y; /* the later one is the duplicate */
	return order;
}

static void check_duplicates(struct yaml_reader *r, struct yaml_node *map)
{
	struct yaml_entry **sorted;
	uint32_t i;

	if (map->n < 2)
		return;
	sorted = malloc(map->n * sizeof(*sorted));
	if (!sorted)
		abort();
	for (i = 0; i < map->n; i++)
		sorted[i] = &map->entries[i];
	qsort(sorted, map->n, sizeof(*sorted), compare_keys);
	for (i = 1; i < map->n; i++) {
		const struct yaml_node *first = sorted[i - 1]->key, *again = sorted[i]->key;

		if (strcmp(first->text, again->text) != 0)
			continue;
		diag_report(r->d, DIAG_YAML_DUPLICATE_KEY, again->pos, "", again->text,
			    "the key occurs twice in this mapping, first in line %u",
			    first->pos.line);
		r->bad = true;
	}
	free(sorted);
}

static void finish_map(struct yaml_reader *r, struct yaml_node *node, const struct children *c)
{
	uint32_t i;

	node->n = (uint32_t)(c->n / 2);
	node->entries = arena_array(r->arena, node->n, sizeof(*node->entries));
	for (i = 0; i < node->n; i++) {
		struct yaml_node *key = c->items[2 * i];
		yaml_mark_t mark = {.line = key->pos.line - r->start.line,
				    .column = key->pos.col - 1};

		if (key->kind != YAML_SCALAR) {
			refuse(r, DIAG_YAML_UNSUPPORTED, mark, "a key must be a string");
			key = empty_scalar(r, mark);
		} else if (!key->quoted && strcmp(key->text, "<<") == 0) {
			refuse(r, DIAG_YAML_UNSUPPORTED, mark,
			       "merge keys (<<) are not supported: write the fields out");
		}
		node->entries[i] = (struct yaml_entry){key, c->items[2 * i + 1]};
	}
	check_duplicates(r, node);
}

static void finish_seq(struct yaml_reader *r, struct yaml_node *node, const struct children *c)
{
	node->n = (uint32_t)c->n;
	node->items = arena_array(r->arena, c->n, sizeof(*node->items));
	if (c->n)
		memcpy(node->items, c->items, c->n * sizeof(*node->items));
}

static struct yaml_node *build(struct yaml_reader *r, yaml_event_t *e);

/* Reads up to the matching end event. NULL on a syntax error. */
static struct yaml_node *build_collection(struct yaml_reader *r, const yaml_event_t *start)
{
	bool map = start->type == YAML_MAPPING_START_EVENT;
	yaml_event_type_t end = map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
	struct yaml_node *node = new_node(r, map ? YAML_MAP : YAML_SEQ, start->start_mark), *child;
	struct children children = {0};
	yaml_event_t e;

	check_tag(r, map ? start->data.mapping_start.tag : start->data.sequence_start.tag,
		  start->start_mark, node);
	while (next_event(r, &e)) {
		if (e.type == end) {
			yaml_event_delete(&e);
			if (map)
				finish_map(r, node, &children);
			else
				finish_seq(r, node, &children);
			free(children.items);
			return node;
		}
		child = build(r, &e);
		if (!child)
			break;
		node->size += child->size;
		if (node->height <= child->height)
			node->height = child->height + 1;
		add_child(&children, child);
	}
	free(children.items);
	return NULL;
}

static const yaml_char_t *event_anchor(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return e->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return e->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT:
		return e->data.mapping_start.anchor;
	default:
		return NULL;
	}
}

/* Builds the node that an event opens; takes the event. NULL on a syntax error or beyond
 * the depth limit, which both end the stream. */
static struct yaml_node *build(struct yaml_reader *r, yaml_event_t *e)
{
	const yaml_char_t *name = event_anchor(e);
	struct yaml_node *node = NULL;
	size_t anchor = name ? add_anchor(r, name, e->start_mark) : 0;

	if (e->type == YAML_SCALAR_EVENT) {
		node = build_scalar(r, e);
	} else if (e->type == YAML_ALIAS_EVENT) {
		node = build_alias(r, e);
	} else if (++r->depth > DEPTH_MAX) {
		refuse(r, DIAG_YAML_LIMIT, e->start_mark, "values are nested too deep");
		r->failed = true;
	} else {
		node = build_collection(r, e);
		r->depth--;
	}
	if (name && anchor < r->n_anchors)
		r->anchors[anchor].node = node;
	yaml_event_delete(e);
	return node;
}

/* A document that was built with a problem is as good as empty. */
static enum yaml_result read_document(struct yaml_reader *r, struct yaml_node **root)
{
	yaml_event_t e;

	if (!next_event(r, &e))
		return YAML_ERROR;
	*root = build(r, &e);
	if (!*root || !next_event(r, &e))
		return YAML_ERROR;
	yaml_event_delete(&e); /* the document's end */
	if (r->bad || yaml_is_null(*root))
		*root = NULL;
	return YAML_DOCUMENT;
}

enum yaml_result yaml_reader_next(struct yaml_reader *r, struct arena *a, struct diags *d,
				  struct yaml_node **root)
{
	yaml_event_t e;
	yaml_event_type_t type;

	r->arena = a;
	r->d = d;
	r->bad = false;
	r->depth = 0;
	r->nodes = 0;
	r->n_anchors = 0;
	*root = NULL;
	do {
		if (!next_event(r, &e))
			return YAML_ERROR;
		type = e.type;
		yaml_event_delete(&e);
		if (type == YAML_STREAM_END_EVENT)
			return YAML_END;
	} while (type != YAML_DOCUMENT_START_EVENT);
	return read_document(r, root);
}
