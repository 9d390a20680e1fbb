/* file.c - directories to texts. */
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

/* Takes text on success. */
static bool keep(struct source_files *out, const struct source_file *file, char *text, size_t len)
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
	*f = *file;
	f->path = strdup(file->path);
	if (!f->path)
		return false;
	f->name = strrchr(f->path, '/') + 1;
	f->text = text;
	f->len = len;
	out->n++;
	out->bytes += len;
	return true;
}

/* Takes an open file that is known to be a regular one of an acceptable size. */
static void read_regular(int fd, const struct source_file *f, size_t size, struct source_files *out,
			 struct diags *d)
{
	size_t len = 0;
	char *text = read_all(fd, size, &len);

	if (!text) {
		refuse_errno(d, f->path, "read it", errno);
	} else if (!keep(out, f, text, len)) {
		free(text);
		refuse_errno(d, f->path, "read it", ENOMEM);
	}
}

static void read_open(int fd, const struct source_file *f, struct source_files *out,
		      struct diags *d)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		refuse_errno(d, f->path, "read it", errno);
	else if (S_ISREG(st.st_mode) && st.st_size > (off_t)SOURCE_FILE_MAX)
		refuse(d, f->path, "larger than 64 MiB: split it into several files");
	else if (S_ISREG(st.st_mode) && out->bytes + (size_t)st.st_size > SOURCE_TOTAL_MAX)
		refuse(d, f->path, "all resource files together exceed 512 MiB");
	else if (S_ISREG(st.st_mode))
		read_regular(fd, f, (size_t)st.st_size, out, d);
}

void source_read_file(const char *const *dirs, size_t dir, const char *name,
		      struct source_files *out, struct diags *d)
{
	char path[PATH_MAX];
	struct source_file f = {.dir = dir, .path = path};
	struct stat st;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dirs[dir], name) >= (int)sizeof(path)) {
		refuse_errno(d, dirs[dir], "read a file of this directory", ENAMETOOLONG);
		return;
	}
	if (lstat(path, &st) != 0) {
		/* Gone since the directory was listed: the event for it is on its way. */
		if (errno != ENOENT)
			refuse_errno(d, path, "open it", errno);
		return;
	}
	f.link = S_ISLNK(st.st_mode) || st.st_nlink > 1;
	/* Non-blocking: a FIFO of that name must not stop the control thread. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		/* A link that leads nowhere is worth a word. */
		if (errno != ENOENT || S_ISLNK(st.st_mode))
			refuse_errno(d, path, "open it", errno);
		return;
	}
	read_open(fd, &f, out, d);
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

static void read_directory(const char *const *dirs, size_t dir, struct source_files *out,
			   struct diags *d)
{
	struct dirent **entries;
	int n = scandir(dirs[dir], &entries, select_entry, compare_entries);

	if (n < 0) {
		refuse_errno(d, dirs[dir], "read this directory", errno);
		return;
	}
	for (int i = 0; i < n; i++) {
		source_read_file(dirs, dir, entries[i]->d_name, out, d);
		free(entries[i]);
	}
	free(entries);
}

void source_read(const char *const *dirs, size_t n_dirs, struct source_files *out, struct diags *d)
{
	*out = (struct source_files){0};
	for (size_t i = 0; i < n_dirs; i++)
		read_directory(dirs, i, out, d);
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
