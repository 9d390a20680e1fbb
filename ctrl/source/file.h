/* file.h - reads resource directories and decodes what is in them.
 *
 * Every regular file *.yaml, *.yml or *.json of a directory counts, ordered by name; hidden
 * files and subdirectories do not. Symbolic links are followed, as Kubernetes mounts
 * ConfigMaps with them. */
#pragma once
#include <model/model.h>

#define SOURCE_FILE_MAX  (64u << 20)  /* bytes of one file */
#define SOURCE_TOTAL_MAX (512u << 20) /* bytes of all files of one load */

struct source_file {
	char *path;
	char *text;
	size_t len;
};

/* What one load read. The hash is over names and contents: equal hashes mean that there is
 * nothing to do. */
struct source_files {
	struct source_file *items;
	size_t n, cap;
	size_t bytes;
	uint64_t hash;
};

/* Would a file of this name be read? */
bool source_file_selects(const char *name);

/* Reads all directories. A directory or file that cannot be read is an error in d, and the
 * rest is read nevertheless. */
void source_read(const char *const *dirs, size_t n_dirs, struct source_files *out, struct diags *d);
void source_files_fini(struct source_files *f);

/* Decodes everything into out, in order, and reports what is defined twice. */
void source_decode(const struct source_files *f, struct resource_set *out, struct diags *d);
