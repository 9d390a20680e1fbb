/* compile.h - from a validated resource set to one snapshot.
 *
 * Compilation is per virtual host and per cluster, cached by content hash across calls: what
 * did not change is shared between snapshots by reference count. Stable ids are interned by
 * name here and live as long as any snapshot uses them. */
#pragma once
#include <model/model.h>
#include <weir/snapshot.h>

struct compiler;

struct compile_options {
	const char *node_namespace;
	const struct labels *node_labels;
	const char *node_locality; /* "region/zone/subzone"; NULL: not known */
	unsigned n_workers;
	bool compat_08; /* era defaults: reference section 11, D6, D7 */
};

struct compiler *compiler_create(const struct compile_options *opt);
void compiler_destroy(struct compiler *c); /* after all its snapshots are freed */

/* Builds the next snapshot (generation counts up from 1). set is sorted and borrowed for the
 * call; its resources are held until the next snapshot: one that is found again, by its address,
 * is known not to have changed. When VirtualServices got other rules in the same places, and
 * nothing else happened, only their virtual hosts are looked into. Returns NULL when d got an
 * error; warnings do not prevent a snapshot. */
struct snapshot *compiler_build(struct compiler *c, const struct resource_set *set,
				struct diags *d);

/* Frees a snapshot that no worker can see any more. */
void compiler_free_snapshot(struct compiler *c, struct snapshot *s);

/* How many objects were compiled since the compiler was made: those that a build takes over
 * from the one before do not count. */
struct compiler_work {
	uint64_t vhosts, clusters, patterns;
	uint64_t rules_only; /* builds that took everything else from the one before */
};

struct compiler_work compiler_work(const struct compiler *c);
