/* dir.h - a directory of a test, and what tests do in it. All paths are relative to it. */
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct dir {
	char path[64];
};

static inline void dir_create(struct dir *d)
{
	strcpy(d->path, "/tmp/weir-source-XXXXXX");
	assert_non_null(mkdtemp(d->path));
}

static inline int dir_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void dir_remove(struct dir *d)
{
	nftw(d->path, dir_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* The buffer is one of four that take turns. */
static inline const char *dir_path(const struct dir *d, const char *name)
{
	static char buf[4][512];
	static unsigned turn;
	char *out = buf[turn++ % 4];

	snprintf(out, sizeof(buf[0]), "%s/%s", d->path, name);
	return out;
}

static inline int dir_open(const struct dir *d, const char *name)
{
	int fd = open(dir_path(d, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	return fd;
}

static inline void dir_write(const struct dir *d, const char *name, const char *text)
{
	int fd = dir_open(d, name);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void dir_rename(const struct dir *d, const char *from, const char *to)
{
	assert_int_equal(rename(dir_path(d, from), dir_path(d, to)), 0);
}

static inline void dir_delete(const struct dir *d, const char *name)
{
	assert_int_equal(unlink(dir_path(d, name)), 0);
}

static inline void dir_mkdir(const struct dir *d, const char *name)
{
	assert_int_equal(mkdir(dir_path(d, name), 0755), 0);
}

static inline void dir_symlink(const struct dir *d, const char *target, const char *name)
{
	assert_int_equal(symlink(target, dir_path(d, name)), 0);
}
