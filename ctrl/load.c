/* load.c - see load.h. A stage runs only on what the one before accepted as a whole:
 * references to a resource that did not decode would be reported as missing. */
#include "load.h"

#include <validate/validate.h>

static void validate(struct resource_set *set, struct diags *d)
{
	for (size_t i = 0; i < set->n; i++)
		validate_resource(set->items[i], d);
	if (d->errors)
		return;
	resource_set_sort(set);
	validate_references(set, d);
}

struct snapshot *load_build(struct compiler *c, const struct source_files *files,
			    struct load_report *report)
{
	struct resource_set set;
	struct snapshot *snap = NULL;

	resource_set_init(&set);
	source_decode(files, &set, &report->diags);
	report->resources = set.n;
	validate(&set, &report->diags);
	if (report->diags.errors == 0)
		snap = compiler_build(c, &set, &report->diags);
	resource_set_fini(&set);
	return snap;
}

struct compiler *load_create_compiler(const struct node_config *cfg)
{
	struct compile_options opt = {
		.node_namespace = cfg->ns,
		.node_labels = &cfg->labels,
		.node_locality = cfg->locality,
		.n_workers = cfg->dataplane.n_workers,
		.compat_08 = cfg->compat_08,
	};

	return compiler_create(&opt);
}

bool load_check(const struct node_config *cfg, const struct diags *node, FILE *out, FILE *err)
{
	struct load_report report = {0};
	struct source_files files;
	struct compiler *c = load_create_compiler(cfg);
	struct snapshot *snap;
	bool ok;

	diags_init(&report.diags);
	source_read(cfg->directories.items, cfg->directories.n, &files, &report.diags);
	snap = load_build(c, &files, &report);
	if (snap)
		compiler_free_snapshot(c, snap);
	compiler_destroy(c);
	diags_print(&report.diags, err);
	ok = report.diags.errors + node->errors == 0;
	fprintf(ok ? out : err, "%s: %zu resources in %zu files, %zu errors, %zu warnings\n",
		ok ? "OK" : "FAILED", report.resources, files.n, report.diags.errors + node->errors,
		report.diags.warnings + node->warnings);
	source_files_fini(&files);
	diags_fini(&report.diags);
	return ok;
}
