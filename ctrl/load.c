/* load.c - see load.h. A stage runs only on what the one before accepted as a whole:
 * references to a resource that did not decode would be reported as missing. */
#include "load.h"

void load_init(struct load_stages *l, const struct node_config *cfg)
{
	struct compile_options opt = {
		.node_namespace = cfg->ns,
		.node_labels = &cfg->labels,
		.node_locality = cfg->locality,
		.n_workers = cfg->dataplane.n_workers,
		.compat_08 = cfg->compat_08,
	};

	l->store = store_create(cfg->directories.items, cfg->directories.n);
	l->references = references_create();
	l->compiler = compiler_create(&opt);
}

void load_fini(struct load_stages *l)
{
	compiler_destroy(l->compiler);
	references_destroy(l->references);
	store_destroy(l->store);
}

struct snapshot *load_build(struct load_stages *l, struct load_report *report)
{
	const struct resource_set *set = store_resources(l->store);
	struct snapshot *snap = NULL;

	report->resources = set->n;
	store_report(l->store, &report->diags);
	if (report->diags.errors)
		validate_duplicates(set, &report->diags);
	else
		references_check(l->references, set, &report->diags);
	if (report->diags.errors == 0)
		snap = compiler_build(l->compiler, set, &report->diags);
	return snap;
}

bool load_check(const struct node_config *cfg, const struct diags *node, FILE *out, FILE *err)
{
	struct load_report report = {0};
	struct load_stages l;
	struct snapshot *snap;
	bool ok;

	diags_init(&report.diags);
	load_init(&l, cfg);
	store_refresh(l.store, NULL);
	snap = load_build(&l, &report);
	if (snap)
		compiler_free_snapshot(l.compiler, snap);
	diags_print(&report.diags, err);
	ok = report.diags.errors + node->errors == 0;
	fprintf(ok ? out : err, "%s: %zu resources in %zu files, %zu errors, %zu warnings\n",
		ok ? "OK" : "FAILED", report.resources, store_files(l.store),
		report.diags.errors + node->errors, report.diags.warnings + node->warnings);
	load_fini(&l);
	diags_fini(&report.diags);
	return ok;
}
