/* load.h - the stages from texts to a snapshot: decode, validate, refer, compile. */
#pragma once
#include <admin/state.h>
#include <compile/compile.h>
#include <source/file.h>

/* Builds a snapshot from files; all problems go to report->diags. Returns NULL when there is
 * an error among them: nothing is compiled then. Fills report->resources. */
struct snapshot *load_build(struct compiler *c, const struct source_files *files,
			    struct load_report *report);

/* --check: the same without a data path. Prints the problems and a summary in which those of
 * the node configuration count too; true when there was no error. */
bool load_check(const struct node_config *cfg, const struct diags *node, FILE *out, FILE *err);

/* The compiler as the node wants it. */
struct compiler *load_create_compiler(const struct node_config *cfg);
