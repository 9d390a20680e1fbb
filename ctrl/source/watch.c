/* watch.c - owns the inotify descriptor and the state of the pending change. */
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define WRITERS_MAX 32
#define EVENT_MASK                                                                                 \
	(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |        \
	 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watched_dir {
	char *path;
	int wd; /* -1: not watched */
	dev_t dev;
	ino_t ino;
};

/* A file that was created or modified and not closed since. */
struct writer {
	int wd;
	char name[NAME_MAX + 1];
};

struct watch {
	int fd;
	struct watched_dir *dirs;
	size_t n_dirs;
	bool pending;
	uint64_t first_us, last_us; /* of the pending change */
	size_t n_writers;
	struct writer writers[WRITERS_MAX];
	struct source_changes changes; /* of the pending change */
};

static void changed(struct watch *w, uint64_t now_us)
{
	if (!w->pending)
		w->first_us = now_us;
	w->pending = true;
	w->last_us = now_us;
}

static void changed_all(struct watch *w, uint64_t now_us)
{
	w->changes.all = true;
	changed(w, now_us);
}

static void changed_file(struct watch *w, size_t dir, const char *name, uint64_t now_us)
{
	struct source_changes *c = &w->changes;

	changed(w, now_us);
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].dir == dir && strcmp(c->items[i].name, name) == 0)
			return;
	if (c->n == SOURCE_CHANGES_MAX) {
		c->all = true;
		return;
	}
	c->items[c->n].dir = dir;
	snprintf(c->items[c->n++].name, sizeof(c->items[0].name), "%s", name);
}

static void forget_writers(struct watch *w, int wd)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_writers; i++)
		if (w->writers[i].wd != wd)
			w->writers[kept++] = w->writers[i];
	w->n_writers = kept;
}

static struct writer *find_writer(struct watch *w, int wd, const char *name)
{
	for (size_t i = 0; i < w->n_writers; i++)
		if (w->writers[i].wd == wd && strcmp(w->writers[i].name, name) == 0)
			return &w->writers[i];
	return NULL;
}

/* A full table forgets the newest: its change is then due after the usual settling time,
 * and read once more when the file is closed. */
static void writer_began(struct watch *w, int wd, const char *name)
{
	struct writer *slot;

	if (find_writer(w, wd, name) || w->n_writers == WRITERS_MAX)
		return;
	slot = &w->writers[w->n_writers++];
	slot->wd = wd;
	snprintf(slot->name, sizeof(slot->name), "%s", name);
}

static void writer_ended(struct watch *w, int wd, const char *name)
{
	struct writer *slot = find_writer(w, wd, name);

	if (slot)
		*slot = w->writers[--w->n_writers];
}

static bool add(struct watch *w, struct watched_dir *d)
{
	struct stat st;

	d->wd = inotify_add_watch(w->fd, d->path, EVENT_MASK);
	if (d->wd < 0)
		return false;
	/* When the path changed hands between the two calls the next rescan sees it. */
	if (stat(d->path, &st) == 0) {
		d->dev = st.st_dev;
		d->ino = st.st_ino;
	}
	return true;
}

static void drop(struct watch *w, struct watched_dir *d)
{
	forget_writers(w, d->wd);
	inotify_rm_watch(w->fd, d->wd); /* fails when the kernel already did it */
	d->wd = -1;
}

int watch_create(struct watch **out, const char *const *dirs, size_t n_dirs)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		err = -errno;
		free(w);
		return err;
	}
	w->dirs = calloc(n_dirs ? n_dirs : 1, sizeof(*w->dirs));
	for (size_t i = 0; w->dirs && i < n_dirs; i++) {
		w->dirs[i].wd = -1;
		w->dirs[i].path = strdup(dirs[i]);
		w->n_dirs++;
		if (!w->dirs[i].path)
			break;
		add(w, &w->dirs[i]);
	}
	if (!w->dirs || (n_dirs && !w->dirs[n_dirs - 1].path)) {
		watch_destroy(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

void watch_destroy(struct watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_dirs; i++)
		free(w->dirs[i].path);
	free(w->dirs);
	close(w->fd);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

static struct watched_dir *find_dir(struct watch *w, int wd)
{
	for (size_t i = 0; i < w->n_dirs; i++)
		if (w->dirs[i].wd == wd)
			return &w->dirs[i];
	return NULL;
}

/* Files that are never read change nothing (an editor's swap file), but Kubernetes swaps
 * the whole content of a mounted ConfigMap by renaming "..data". */
static bool matters(const char *name)
{
	return source_file_selects(name) || strncmp(name, "..", 2) == 0;
}

/* A new regular file is worth reading when its writer is done. A link is complete at once;
 * a second hard link too, as nobody writes a file through the name it just got. */
static bool is_being_written(const struct watched_dir *d, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", d->path, name) >= (int)sizeof(path))
		return false;
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static void on_entry(struct watch *w, const struct watched_dir *d, const struct inotify_event *e,
		     uint64_t now_us)
{
	const char *name = e->len ? e->name : "";

	if (!matters(name))
		return;
	if ((e->mask & IN_CREATE) && is_being_written(d, name))
		writer_began(w, e->wd, name);
	if (e->mask & IN_MODIFY)
		writer_began(w, e->wd, name);
	if (e->mask & (IN_CLOSE_WRITE | IN_MOVED_FROM | IN_DELETE))
		writer_ended(w, e->wd, name);
	if (source_file_selects(name))
		changed_file(w, (size_t)(d - w->dirs), name, now_us);
	else
		changed_all(w, now_us);
}

static void on_event(struct watch *w, const struct inotify_event *e, uint64_t now_us)
{
	struct watched_dir *d;

	if (e->mask & IN_Q_OVERFLOW) {
		w->n_writers = 0;
		changed_all(w, now_us);
		return;
	}
	d = find_dir(w, e->wd);
	if (!d)
		return; /* of a watch that was dropped */
	if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
		drop(w, d);
		changed_all(w, now_us);
	} else if (e->mask & IN_ISDIR) {
		/* Some file may be a link into it. */
		if (e->mask & (IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE))
			changed_all(w, now_us);
	} else {
		on_entry(w, d, e, now_us);
	}
}

void watch_drain(struct watch *w, uint64_t now_us)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0)
		for (const char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)p;

			on_event(w, e, now_us);
			p += sizeof(*e) + e->len;
		}
}

void watch_rescan(struct watch *w, uint64_t now_us)
{
	for (size_t i = 0; i < w->n_dirs; i++) {
		struct watched_dir *d = &w->dirs[i];
		struct stat st;
		bool there = stat(d->path, &st) == 0;

		if (d->wd >= 0 && there && st.st_dev == d->dev && st.st_ino == d->ino)
			continue;
		if (d->wd >= 0) {
			drop(w, d);
			changed_all(w, now_us);
		}
		if (there && add(w, d))
			changed_all(w, now_us);
	}
}

uint64_t watch_due_us(const struct watch *w)
{
	uint64_t settled = w->last_us + WATCH_SETTLE_US, burst = w->first_us + WATCH_BURST_US;

	if (!w->pending)
		return WATCH_NEVER;
	if (w->n_writers)
		return w->first_us + WATCH_WRITER_US;
	return settled < burst ? settled : burst;
}

void watch_take(struct watch *w, struct source_changes *out)
{
	*out = w->changes;
	w->changes.all = false;
	w->changes.n = 0;
	w->pending = false;
}
