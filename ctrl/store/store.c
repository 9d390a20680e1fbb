/* store.c - owns the files' records: content hashes, decoded objects, problems. */
#include <store/store.h>

#include <stdlib.h>
#include <string.h>

#include <common/codes.h>
#include <source/file.h>
#include <store/pieces.h>
#include <validate/validate.h>
#include <weir/xxh64.h>

/* More changed objects than this are sorted in as a whole. */
#define INSERT_MAX 64u

/* What came of a piece of a file. */
struct part {
	size_t len;
	unsigned line;
	uint64_t hash;           /* of the text */
	bool fresh;              /* its objects are not in the store's set yet */
	struct resource_set set; /* held, in the file's order */
	struct diags problems;
};

struct record {
	size_t dir;
	char *name; /* in its directory: records are ordered by both */
	size_t len;
	uint64_t hash; /* of the text */
	bool link, seen;
	struct part *parts;
	size_t n_parts;
};

struct store {
	const char *const *dirs;
	size_t n_dirs;
	struct record *records;
	size_t n, cap;
	size_t n_links;
	uint64_t bytes, hash;
	struct diags reading;    /* of the last reading of everything */
	struct resource_set set; /* of all records, sorted */
};

static void *check(void *p)
{
	if (!p) {
		fputs("weir: out of memory while reading resources\n", stderr);
		abort();
	}
	return p;
}

struct store *store_create(const char *const *dirs, size_t n_dirs)
{
	struct store *s = check(calloc(1, sizeof(*s)));

	s->dirs = dirs;
	s->n_dirs = n_dirs;
	diags_init(&s->reading);
	resource_set_init(&s->set);
	return s;
}

/* ---- records ---- */

/* What a record adds to the store's hash, which is a sum: records come and go in any order. */
static uint64_t weight(const struct record *r)
{
	uint64_t name = xxh64(r->name, strlen(r->name), r->dir);

	return xxh64(&name, sizeof(name), r->hash);
}

static int compare(const struct record *r, size_t dir, const char *name)
{
	if (r->dir != dir)
		return r->dir < dir ? -1 : 1;
	return strcmp(r->name, name);
}

/* First record that does not sort before this file. */
static size_t place_of(const struct store *s, size_t dir, const char *name)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(&s->records[mid], dir, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct record *find(const struct store *s, size_t dir, const char *name)
{
	size_t at = place_of(s, dir, name);

	if (at == s->n || compare(&s->records[at], dir, name) != 0)
		return NULL;
	return &s->records[at];
}

static struct record *insert(struct store *s, const struct source_file *f)
{
	size_t at = place_of(s, f->dir, f->name);
	struct record *r;

	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->records = check(realloc(s->records, s->cap * sizeof(*s->records)));
	}
	r = &s->records[at];
	memmove(r + 1, r, (s->n++ - at) * sizeof(*r));
	*r = (struct record){.dir = f->dir, .name = check(strdup(f->name))};
	return r;
}

static bool is_unchanged(const struct record *r, const struct source_file *f, uint64_t hash)
{
	return r->hash == hash && r->len == f->len && r->link == f->link;
}

/* ---- parts ---- */

static void unlist(struct store *s, const struct part *p)
{
	for (size_t i = 0; i < p->set.n; i++)
		resource_set_remove(&s->set, p->set.items[i]);
}

static void part_fini(struct part *p)
{
	resource_set_fini(&p->set);
	diags_fini(&p->problems);
}

static void decode(struct part *p, const char *path, const struct piece *from)
{
	resource_set_init(&p->set);
	diags_init(&p->problems);
	p->fresh = true;
	model_decode_part(path, from->text, from->len, from->start, &p->set, &p->problems);
	for (size_t i = 0; i < p->set.n; i++)
		validate_resource(p->set.items[i], &p->problems);
}

/* Positions are a part of the objects: what has moved is not the same. */
static bool same_part(const struct part *a, const struct part *b)
{
	return a->len == b->len && a->line == b->line && a->hash == b->hash;
}

/* Makes r's parts those of the text. listed: the set of the store has those that r had. */
static void replace_parts(struct store *s, struct record *r, const struct source_file *f,
			  bool listed)
{
	struct pieces pieces;
	struct part *parts;
	size_t n;

	pieces_cut(f->text, f->len, &pieces);
	n = pieces.n;
	parts = check(calloc(n, sizeof(*parts)));
	for (size_t i = 0; i < n; i++) {
		const struct piece *p = &pieces.items[i];

		parts[i] = (struct part){
			.len = p->len, .line = p->start.line, .hash = xxh64(p->text, p->len, 0)};
	}
	for (size_t i = 0; i < r->n_parts; i++) {
		if (i < n && same_part(&parts[i], &r->parts[i])) {
			parts[i] = r->parts[i];
			continue;
		}
		if (listed)
			unlist(s, &r->parts[i]);
		part_fini(&r->parts[i]);
		if (i < n)
			decode(&parts[i], f->path, &pieces.items[i]);
	}
	for (size_t i = r->n_parts; i < n; i++)
		decode(&parts[i], f->path, &pieces.items[i]);
	pieces_fini(&pieces);
	free(r->parts);
	r->parts = parts;
	r->n_parts = n;
}

/* ---- files ---- */

static void forget(struct store *s, const struct record *r)
{
	s->hash -= weight(r);
	s->bytes -= r->len;
	s->n_links -= r->link;
}

static void empty(struct store *s, struct record *r)
{
	forget(s, r);
	for (size_t i = 0; i < r->n_parts; i++)
		part_fini(&r->parts[i]);
	free(r->parts);
}

/* r: the file's record, NULL when it has none. Returns its record. */
static struct record *update(struct store *s, struct record *r, const struct source_file *f,
			     uint64_t hash, bool listed)
{
	if (r)
		forget(s, r);
	else
		r = insert(s, f);
	r->hash = hash;
	r->len = f->len;
	r->link = f->link;
	replace_parts(s, r, f, listed);
	s->hash += weight(r);
	s->bytes += r->len;
	s->n_links += r->link;
	return r;
}

static uint64_t hash_text(const struct source_file *f)
{
	return xxh64(f->text, f->len, 0);
}

/* ---- everything ---- */

static void drop_unseen(struct store *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct record *r = &s->records[i];

		if (!r->seen) {
			empty(s, r);
			free(r->name);
			continue;
		}
		r->seen = false;
		s->records[kept++] = *r;
	}
	s->n = kept;
}

static void add_all(struct resource_set *set, struct part *p)
{
	for (size_t i = 0; i < p->set.n; i++)
		resource_set_add(set, resource_get(p->set.items[i]));
	p->fresh = false;
}

static void list_all(struct store *s)
{
	struct resource_set set;

	resource_set_init(&set);
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->records[i].n_parts; k++)
			add_all(&set, &s->records[i].parts[k]);
	resource_set_sort(&set);
	resource_set_fini(&s->set);
	s->set = set;
}

static void read_all(struct store *s)
{
	struct source_files files;

	diags_fini(&s->reading);
	source_read(s->dirs, s->n_dirs, &files, &s->reading);
	for (size_t i = 0; i < files.n; i++) {
		const struct source_file *f = &files.items[i];
		struct record *r = find(s, f->dir, f->name);
		uint64_t hash = hash_text(f);

		if (!r || !is_unchanged(r, f, hash))
			r = update(s, r, f, hash, false);
		r->seen = true;
	}
	source_files_fini(&files);
	drop_unseen(s);
	list_all(s);
}

/* ---- some files ---- */

static size_t count_fresh(const struct record *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_parts; i++)
		n += r->parts[i].fresh ? r->parts[i].set.n : 0;
	return n;
}

static void insert_all(struct resource_set *set, struct part *p)
{
	for (size_t i = 0; i < p->set.n; i++)
		resource_set_insert(set, resource_get(p->set.items[i]));
	p->fresh = false;
}

static void list(struct store *s, struct record *r)
{
	bool few = count_fresh(r) <= INSERT_MAX;

	for (size_t i = 0; i < r->n_parts; i++) {
		if (r->parts[i].fresh && few)
			insert_all(&s->set, &r->parts[i]);
		else if (r->parts[i].fresh)
			add_all(&s->set, &r->parts[i]);
	}
	if (!few)
		resource_set_sort(&s->set);
}

static void drop(struct store *s, struct record *r)
{
	size_t at = (size_t)(r - s->records);

	for (size_t i = 0; i < r->n_parts; i++)
		unlist(s, &r->parts[i]);
	empty(s, r);
	free(r->name);
	memmove(r, r + 1, (--s->n - at) * sizeof(*r));
}

static void take_file(struct store *s, const struct source_file *f)
{
	struct record *r = find(s, f->dir, f->name);
	uint64_t hash = hash_text(f);

	if (!r || !is_unchanged(r, f, hash))
		list(s, update(s, r, f, hash, true));
}

/* False when it takes more than these files to say what there is. */
static bool read_some(struct store *s, const struct source_changes *changes)
{
	struct source_files files = {0};
	bool ok;

	/* A link may lead to a file that changed, and what could not be read may be readable now.
	 */
	if (s->n_links || s->reading.n)
		return false;
	for (size_t i = 0; i < changes->n; i++)
		source_read_file(s->dirs, changes->items[i].dir, changes->items[i].name, &files,
				 &s->reading);
	ok = s->reading.n == 0 && s->bytes + files.bytes <= SOURCE_TOTAL_MAX;
	for (size_t i = 0, k = 0; ok && i < changes->n; i++) {
		const struct source_change *c = &changes->items[i];
		const struct source_file *f = k < files.n ? &files.items[k] : NULL;
		struct record *r;

		if (f && f->dir == c->dir && strcmp(f->name, c->name) == 0) {
			take_file(s, f);
			k++;
		} else if ((r = find(s, c->dir, c->name)) != NULL) {
			drop(s, r);
		}
	}
	source_files_fini(&files);
	return ok && s->n_links == 0;
}

void store_refresh(struct store *s, const struct source_changes *changes)
{
	if (!changes || changes->all || !read_some(s, changes))
		read_all(s);
}

void store_destroy(struct store *s)
{
	if (!s)
		return;
	drop_unseen(s); /* which is all of them */
	resource_set_fini(&s->set);
	diags_fini(&s->reading);
	free(s->records);
	free(s);
}

/* ---- what there is ---- */

uint64_t store_hash(const struct store *s)
{
	return s->hash;
}

bool store_readable(const struct store *s)
{
	return s->reading.errors == 0;
}

size_t store_files(const struct store *s)
{
	return s->n;
}

const struct resource_set *store_resources(const struct store *s)
{
	return &s->set;
}

/* One warning per kind that is skipped, however many files have it. */
static bool is_said(const struct diags *d, const struct diag *item)
{
	if (strcmp(item->code, diag_rule(DIAG_UNKNOWN_KIND)->code) != 0)
		return false;
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->items[i].code, item->code) == 0 &&
		    strcmp(d->items[i].resource, item->resource) == 0)
			return true;
	return false;
}

static void report_part(const struct part *p, struct diags *d)
{
	for (size_t i = 0; i < p->problems.n; i++)
		if (!is_said(d, &p->problems.items[i]))
			diag_append(d, &p->problems.items[i]);
}

void store_report(const struct store *s, struct diags *d)
{
	diags_append(d, &s->reading);
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->records[i].n_parts; k++)
			report_part(&s->records[i].parts[k], d);
}
