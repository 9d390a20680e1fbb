/* file.h - reads resource directories.
 *
 * Every regular file *.yaml, *.yml or *.json of a directory counts, ordered by name; hidden
 * files and subdirectories do not. Symbolic links are followed, as Kubernetes mounts
 * ConfigMaps with them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <common/diag.h>

#define SOURCE_FILE_MAX  (64u << 20)  /* bytes of one file */
#define SOURCE_TOTAL_MAX (512u << 20) /* bytes of all files of one load */

struct source_file {
	size_t dir;       /* index of its directory */
	const char *name; /* in it; the end of path */
	char *path;
	char *text;
	size_t len;
	bool link; /* symbolic, or one of several hard ones: it may change under another name */
};

/* What one reading found, ordered by directory and name. */
struct source_files {
	struct source_file *items;
	size_t n, cap;
	size_t bytes;
};

/* Would a file of this name be read? */
bool source_file_selects(const char *name);

/* Reads all directories. A directory or file that cannot be read is an error in d, and the
 * rest is read nevertheless. */
void source_read(const char *const *dirs, size_t n_dirs, struct source_files *out, struct diags *d);
void source_files_fini(struct source_files *f);

/* Adds one file to out, unless it is gone or no regular file. */
void source_read_file(const char *const *dirs, size_t dir, const char *name,
		      struct source_files *out, struct diags *d);
