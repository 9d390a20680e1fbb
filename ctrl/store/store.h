/* store.h - the resources as they were last read: every file's objects and what is wrong with them.
 *
 * A refresh decodes and validates the files that changed. The objects of all others stay the same
 * ones, by address, which is how later stages see what there is to do. */
#pragma once
#include <model/model.h>
#include <source/watch.h>

struct store;

/* dirs are borrowed for the store's life. */
struct store *store_create(const char *const *dirs, size_t n_dirs);
void store_destroy(struct store *s); /* NULL is fine */

/* Reads what changed; everything when changes is NULL or says so. */
void store_refresh(struct store *s, const struct source_changes *changes);

/* Of the files' names and contents: equal hashes mean that there is nothing to do. */
uint64_t store_hash(const struct store *s);
/* False: a directory or file could not be read. */
bool store_readable(const struct store *s);
size_t store_files(const struct store *s);

/* Sorted; valid until the next refresh. What did not decode is not among them. */
const struct resource_set *store_resources(const struct store *s);
/* Appends the problems of all files, those of reading them included. */
void store_report(const struct store *s, struct diags *d);
