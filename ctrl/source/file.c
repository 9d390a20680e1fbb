/* file.c - directories to texts to resources, and the duplicates among them. */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <common/codes.h>

#define HASH_SEED  14695981039346656037ull /* FNV-1a, 64 bits */
#define HASH_PRIME 1099511628211ull

static uint64_t hash_bytes(uint64_t h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * HASH_PRIME;
	return h;
}

/* The length goes in as well, so that no two lists of files read as the same bytes. */
static uint64_t hash_field(uint64_t h, const char *p, size_t n)
{
	h = hash_bytes(h, (const char *)&n, sizeof(n));
	return hash_bytes(h, p, n);
}

bool source_file_selects(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (name[0] == '.' || !dot)
		return false;
	return strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0;
}

static void refuse(struct diags *d, const char *path, const char *what)
{
	diag_report(d, DIAG_FILE_UNREADABLE, (struct pos){.file = path}, "", "", "%s", what);
}

static void refuse_errno(struct diags *d, const char *path, const char *verb, int err)
{
	diag_report(d, DIAG_FILE_UNREADABLE, (struct pos){.file = path}, "", "", "cannot %s: %s",
		    verb, strerror(err));
}

static char *read_all(int fd, size_t hint, size_t *len)
{
	size_t cap = hint + 1, n = 0; /* one more than expected finds the end without growing */
	char *text = malloc(cap);
	ssize_t got;

	while (text && (got = read(fd, text + n, cap - n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || n + (size_t)got > SOURCE_FILE_MAX)
			goto fail;
		n += (size_t)got;
		if (n == cap) {
			char *more = realloc(text, cap *= 2);

			if (!more)
				goto fail;
			text = more;
		}
	}
	*len = n;
	return text;
fail:
	if (n + (size_t)(got > 0 ? got : 0) > SOURCE_FILE_MAX)
		errno = EFBIG;
	free(text);
	return NULL;
}

static bool keep(struct source_files *out, const char *path, char *text, size_t len)
{
	struct source_file *f;

	if (out->n == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 16;
		struct source_file *items = realloc(out->items, cap * sizeof(*items));

		if (!items)
			return false;
		out->items = items;
		out->cap = cap;
	}
	f = &out->items[out->n];
	f->path = strdup(path);
	if (!f->path)
		return false;
	f->text = text;
	f->len = len;
	out->n++;
	out->bytes += len;
	out->hash = hash_field(hash_field(out->hash, path, strlen(path)), text, len);
	return true;
}

/* Takes an open file that is known to be a regular one of an acceptable size. */
static void read_regular(int fd, const char *path, size_t size, struct source_files *out,
			 struct diags *d)
{
	size_t len = 0;
	char *text = read_all(fd, size, &len);

	if (!text) {
		refuse_errno(d, path, "read it", errno);
	} else if (!keep(out, path, text, len)) {
		free(text);
		refuse_errno(d, path, "read it", ENOMEM);
	}
}

static void read_file(const char *path, struct source_files *out, struct diags *d)
{
	struct stat st;
	/* Non-blocking: a FIFO of that name must not stop the control thread. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		/* Gone since the directory was listed: the event for it is on its way. A link
		 * that leads nowhere is still listed, and worth a word. */
		if (errno != ENOENT || lstat(path, &st) == 0)
			refuse_errno(d, path, "open it", errno);
		return;
	}
	if (fstat(fd, &st) != 0)
		refuse_errno(d, path, "read it", errno);
	else if (S_ISREG(st.st_mode) && st.st_size > (off_t)SOURCE_FILE_MAX)
		refuse(d, path, "larger than 64 MiB: split it into several files");
	else if (S_ISREG(st.st_mode) && out->bytes + (size_t)st.st_size > SOURCE_TOTAL_MAX)
		refuse(d, path, "all resource files together exceed 512 MiB");
	else if (S_ISREG(st.st_mode))
		read_regular(fd, path, (size_t)st.st_size, out, d);
	close(fd);
}

static int select_entry(const struct dirent *e)
{
	return source_file_selects(e->d_name);
}

/* By bytes, whatever the locale: the order must be the same everywhere. */
static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_directory(const char *dir, struct source_files *out, struct diags *d)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, select_entry, compare_entries);

	if (n < 0) {
		refuse_errno(d, dir, "read this directory", errno);
		return;
	}
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name) <
		    (int)sizeof(path))
			read_file(path, out, d);
		else
			refuse_errno(d, dir, "read a file of this directory", ENAMETOOLONG);
		free(entries[i]);
	}
	free(entries);
}

void source_read(const char *const *dirs, size_t n_dirs, struct source_files *out, struct diags *d)
{
	*out = (struct source_files){.hash = HASH_SEED};
	for (size_t i = 0; i < n_dirs; i++)
		read_directory(dirs[i], out, d);
}

void source_files_fini(struct source_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->items[i].path);
		free(f->items[i].text);
	}
	free(f->items);
	*f = (struct source_files){0};
}

/* By identity, then by where they were read. */
struct identity {
	const struct resource *r;
	size_t order;
};

static int compare_identity(const struct resource *a, const struct resource *b)
{
	int c = (int)a->kind - (int)b->kind;

	if (c == 0)
		c = strcmp(a->ns, b->ns);
	return c ? c : strcmp(a->name, b->name);
}

static int compare_reading(const void *pa, const void *pb)
{
	const struct identity *a = pa, *b = pb;
	int c = compare_identity(a->r, b->r);

	return c ? c : (a->order > b->order) - (a->order < b->order);
}

static void report_duplicate(const struct resource *first, const struct resource *again,
			     struct diags *d)
{
	char label[RESOURCE_LABEL_SIZE];

	diag_report(d, DIAG_DUPLICATE_OBJECT, again->pos,
		    resource_label(again, label, sizeof(label)), "metadata.name",
		    "already defined at %s:%u:%u: remove one of the two", first->pos.file,
		    first->pos.line, first->pos.col);
}

static void find_duplicates(const struct resource_set *set, struct diags *d)
{
	struct identity *ids = calloc(set->n ? set->n : 1, sizeof(*ids));
	size_t first = 0;

	if (!ids) {
		refuse_errno(d, "", "compare the resources", ENOMEM);
		return;
	}
	for (size_t i = 0; i < set->n; i++)
		ids[i] = (struct identity){set->items[i], i};
	qsort(ids, set->n, sizeof(*ids), compare_reading);
	for (size_t i = 1; i < set->n; i++) {
		if (compare_identity(ids[first].r, ids[i].r) == 0)
			report_duplicate(ids[first].r, ids[i].r, d);
		else
			first = i;
	}
	free(ids);
}

void source_decode(const struct source_files *f, struct resource_set *out, struct diags *d)
{
	for (size_t i = 0; i < f->n; i++)
		model_decode(f->items[i].path, f->items[i].text, f->items[i].len, out, d);
	find_duplicates(out, d);
}
