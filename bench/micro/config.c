/* config.c - see config.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <validate/validate.h>

struct compiler *config_create_compiler(void)
{
	static struct label items[] = {{"istio", "ingressgateway"}};
	static const struct labels labels = {1, items};

	return compiler_create(&(struct compile_options){
		.node_namespace = "default", .node_labels = &labels, .n_workers = 1});
}

static void validate(struct resource_set *set, struct diags *d)
{
	for (size_t i = 0; i < set->n; i++)
		validate_resource(set->items[i], d);
	if (d->errors)
		return;
	resource_set_sort(set);
	validate_references(set, d);
}

struct snapshot *config_compile(struct compiler *c, const char *yaml)
{
	struct snapshot *s = NULL;
	struct resource_set set;
	struct diags d;

	resource_set_init(&set);
	diags_init(&d);
	model_decode("bench.yaml", yaml, strlen(yaml), &set, &d);
	if (!d.errors)
		validate(&set, &d);
	if (!d.errors)
		s = compiler_build(c, &set, &d);
	if (!s) {
		diags_print(&d, stderr);
		exit(1);
	}
	resource_set_fini(&set);
	diags_fini(&d);
	return s;
}
