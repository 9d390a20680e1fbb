/* load.h - the stages from texts to a snapshot: read, decode, validate, refer, compile. Each keeps
 * what it made of the last texts, so that one change costs what depends on it. */
#pragma once
#include <admin/state.h>
#include <compile/compile.h>
#include <store/store.h>
#include <validate/validate.h>

struct load_stages {
	struct store *store;
	struct references *references;
	struct compiler *compiler;
};

/* The stages as the node wants them; cfg is borrowed for their life. */
void load_init(struct load_stages *l, const struct node_config *cfg);
void load_fini(struct load_stages *l);

/* Builds a snapshot of what the store read last; all problems go to report->diags. Returns NULL
 * when there is an error among them: nothing is compiled then. Fills report->resources. */
struct snapshot *load_build(struct load_stages *l, struct load_report *report);

/* --check: the same without a data path. Prints the problems and a summary in which those of
 * the node configuration count too; true when there was no error. */
bool load_check(const struct node_config *cfg, const struct diags *node, FILE *out, FILE *err);
