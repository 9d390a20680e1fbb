/* validate.c - what every object must satisfy, and the way to its kind's checks. */
#include <validate/validate.h>

#include <string.h>

#include <validate/check.h>
#include <validate/names.h>

static void check_name(struct check *c)
{
	const char *name = c->r->name;
	size_t mark = check_field(c, "metadata.name");

	if (!*name)
		check_report(c, DIAG_NAME_INVALID, "every object needs a name");
	else if (c->r->kind == KIND_GATEWAY && !name_is_dns_label(name))
		check_report(c, DIAG_GW_NAME,
			     "\"%s\" is no Gateway name: up to 63 lower-case letters, digits and "
			     "inner dashes",
			     name);
	else if (!name_is_dns_subdomain(name))
		check_report(c, DIAG_NAME_INVALID,
			     "\"%s\" is no name: lower-case letters, digits, inner dashes and dots",
			     name);
	check_leave(c, mark);
	mark = check_field(c, "metadata.namespace");
	if (!name_is_dns_label(c->r->ns))
		check_report(c, DIAG_NAMESPACE_INVALID,
			     "\"%s\" is no namespace: up to 63 lower-case letters, digits and "
			     "inner dashes",
			     c->r->ns);
	check_leave(c, mark);
}

/* Written by Istio's own controllers, or asking to be rejected (reference 1.1). */
static bool is_refused_annotation(const char *key)
{
	static const char parent[] = "internal.istio.io/parent";

	return strcmp(key, "internal.istio.io/webhook-always-reject") == 0 ||
	       strcmp(key, "istio.io/dry-run") == 0 ||
	       strncmp(key, parent, sizeof(parent) - 1) == 0;
}

static void check_annotations(struct check *c)
{
	size_t outer = check_field(c, "metadata.annotations");
	uint32_t i;

	for (i = 0; i < c->r->annotations.n; i++) {
		size_t mark = check_key(c, c->r->annotations.items[i].key);

		if (is_refused_annotation(c->r->annotations.items[i].key))
			check_report(c, DIAG_ANNOTATION_REFUSED,
				     "this annotation may not be set: remove it");
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void report_unsupported(struct check *c)
{
	const struct unsupported_fields *u = &c->r->unsupported;
	uint32_t i;

	for (i = 0; i < u->n; i++) {
		const struct unsupported_field *f = &u->items[i];
		const char *dot = strrchr(f->path, '.');
		const char *name = dot ? dot + 1 : f->path;

		if (f->refused)
			diag_report(c->d, DIAG_NOT_SUPPORTED, f->pos, c->label, f->path,
				    "%s is not supported by this version of weir: remove it, "
				    "requests would not be treated as it says",
				    name);
		else
			diag_report(c->d, DIAG_NO_EFFECT, f->pos, c->label, f->path,
				    "%s is accepted and has no effect in this version", name);
	}
}

static void check_service(struct check *c, const struct service *svc)
{
	size_t mark = check_field(c, "spec.clusterIP");
	uint32_t i;

	for (i = 0; i < svc->cluster_ips.n; i++)
		if (!name_is_ip(svc->cluster_ips.items[i]))
			check_report(c, DIAG_ADDRESS_INVALID, "\"%s\" is no IP address",
				     svc->cluster_ips.items[i]);
	check_leave(c, mark);
}

static void check_pod(struct check *c, const struct pod *pod)
{
	size_t mark = check_field(c, "status.podIP");

	if (pod->ip && *pod->ip && !name_is_ip(pod->ip))
		check_report(c, DIAG_ADDRESS_INVALID, "\"%s\" is no IP address", pod->ip);
	check_leave(c, mark);
}

static void check_kind(struct check *c)
{
	const struct resource *r = c->r;

	switch (r->kind) {
	case KIND_VIRTUAL_SERVICE:
		check_virtual_service(c, r->vs);
		break;
	case KIND_DESTINATION_RULE:
		check_destination_rule(c, r->dr);
		break;
	case KIND_GATEWAY:
		check_gateway(c, r->gw);
		break;
	case KIND_SERVICE_ENTRY:
		check_service_entry(c, r->se);
		check_health_check(c, &r->se->check);
		break;
	case KIND_WORKLOAD_ENTRY:
		check_workload_entry(c, r->we);
		break;
	case KIND_WORKLOAD_GROUP:
		check_workload_group(c, r->wg);
		break;
	case KIND_SERVICE:
		check_service(c, r->svc);
		check_health_check(c, &r->svc->check);
		break;
	case KIND_POD:
		check_pod(c, r->pod);
		break;
	default: /* the rest of Kubernetes is checked by its API server */
		break;
	}
}

void validate_resource(const struct resource *r, struct diags *d)
{
	struct check c;

	check_start(&c, r, d);
	check_name(&c);
	check_labels(&c, "metadata.labels", &r->labels);
	check_annotations(&c);
	report_unsupported(&c);
	check_kind(&c);
}
