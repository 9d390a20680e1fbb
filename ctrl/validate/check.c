/* check.c - reporting with paths, and the rules that several kinds share. */
#include <validate/check.h>

#include <stdarg.h>
#include <string.h>

#include <validate/names.h>

void check_start(struct check *c, const struct resource *r, struct diags *d)
{
	*c = (struct check){.r = r, .d = d};
	resource_label(r, c->label, sizeof(c->label));
	field_path_init(&c->path);
}

void check_report(struct check *c, enum diag_code code, const char *fmt, ...)
{
	const struct diag_rule *rule = diag_rule(code);
	va_list ap;

	va_start(ap, fmt);
	diag_vadd(c->d, rule->severity, rule->code, resource_pos(c->r, c->path.text), c->label,
		  c->path.text, fmt, ap);
	va_end(ap);
}

size_t check_field(struct check *c, const char *name)
{
	return field_path_push(&c->path, name);
}

size_t check_item(struct check *c, size_t index)
{
	return field_path_push_index(&c->path, index);
}

size_t check_key(struct check *c, const char *key)
{
	return field_path_push_key(&c->path, key);
}

void check_leave(struct check *c, size_t mark)
{
	field_path_pop(&c->path, mark);
}

bool check_host(struct check *c, const char *host)
{
	const char *problem = name_host_problem(host);

	if (problem)
		check_report(c, DIAG_HOST_INVALID, "\"%s\" is not a host name: %s", host, problem);
	return !problem;
}

void check_labels(struct check *c, const char *field, const struct labels *labels)
{
	size_t outer = check_field(c, field);
	uint32_t i;

	for (i = 0; i < labels->n; i++) {
		const struct label *l = &labels->items[i];
		size_t mark = check_key(c, l->key);

		if (!name_is_label_key(l->key))
			check_report(c, DIAG_LABEL_INVALID,
				     "\"%s\" is no label key: an optional DNS prefix and /, then "
				     "up to 63 letters, digits and inner - _ .",
				     l->key);
		if (!name_is_label_value(l->value))
			check_report(c, DIAG_LABEL_INVALID,
				     "\"%s\" is no label value: up to 63 letters, digits and "
				     "inner - _ .",
				     l->value);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

/* ---- exportTo (reference 1.3) ---- */

static bool is_public(const char *entry)
{
	return strcmp(entry, "*") == 0;
}

static bool is_nobody(const char *entry)
{
	return strcmp(entry, "~") == 0;
}

static void check_export_entry(struct check *c, const char *entry)
{
	if (strcmp(entry, ".") == 0 || is_public(entry) || name_is_dns_label(entry))
		return;
	if (!is_nobody(entry))
		check_report(c, DIAG_EXPORT_TO,
			     "\"%s\" is none of \".\", \"*\" and a namespace name", entry);
	else if (c->r->kind != KIND_SERVICE_ENTRY)
		check_report(c, DIAG_EXPORT_TO,
			     "only a ServiceEntry can be exported to nobody (~)");
}

static bool same_namespace(const struct check *c, const char *a, const char *b)
{
	a = strcmp(a, ".") == 0 ? c->r->ns : a;
	b = strcmp(b, ".") == 0 ? c->r->ns : b;
	return strcmp(a, b) == 0;
}

void check_export_to(struct check *c, const struct string_list *list)
{
	size_t outer = check_field(c, "exportTo");
	uint32_t i, j;

	for (i = 0; i < list->n; i++) {
		size_t mark = check_item(c, i);

		check_export_entry(c, list->items[i]);
		for (j = 0; j < i; j++)
			if (same_namespace(c, list->items[i], list->items[j])) {
				check_report(c, DIAG_EXPORT_TO,
					     "\"%s\" names a namespace that entry %u names already",
					     list->items[i], j);
				break;
			}
		if (list->n > 1 && is_public(list->items[i]))
			check_report(c, DIAG_EXPORT_TO,
				     "\"*\" exports to everybody: it must be the only entry");
		if (list->n > 1 && is_nobody(list->items[i]))
			check_report(c, DIAG_EXPORT_TO,
				     "\"~\" exports to nobody: it must be the only entry");
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

/* ---- gateways (reference 1.2) ---- */

static void check_namespaced_gateway(struct check *c, const char *ref, const char *slash)
{
	char ns[64];
	size_t n = (size_t)(slash - ref);

	if (n == 0 || !slash[1]) {
		check_report(c, DIAG_GATEWAY_NAME,
			     "\"%s\" needs both a namespace and a name around the slash", ref);
		return;
	}
	snprintf(ns, sizeof(ns), "%.*s", (int)(n < sizeof(ns) ? n : sizeof(ns) - 1), ref);
	if (n >= sizeof(ns) || (strcmp(ns, ".") != 0 && !name_is_dns_label(ns)))
		check_report(c, DIAG_GATEWAY_NAME, "\"%.*s\" is no namespace", (int)n, ref);
	if (!name_is_dns_label(slash + 1))
		check_report(c, DIAG_GATEWAY_NAME, "\"%s\" is no gateway name", slash + 1);
}

static void check_gateway_name(struct check *c, const char *ref)
{
	const char *slash = strchr(ref, '/');

	if (!*ref)
		check_report(c, DIAG_GATEWAY_NAME, "a gateway name is empty");
	else if (slash)
		check_namespaced_gateway(c, ref, slash);
	else if (!strchr(ref, '.')) {
		if (!name_is_dns_label(ref))
			check_report(c, DIAG_GATEWAY_NAME, "\"%s\" is no gateway name", ref);
	} else if (name_fqdn_problem(ref)) {
		check_report(c, DIAG_GATEWAY_NAME, "\"%s\" is no gateway name", ref);
	} else {
		const char *name_end = strchr(ref, '.');
		int ns_len = (int)strcspn(name_end + 1, ".");

		check_report(c, DIAG_GATEWAY_NAME_OLD, "\"%s\" is the old form: write %.*s/%.*s",
			     ref, ns_len, name_end + 1, (int)(name_end - ref), ref);
	}
}

void check_gateway_names(struct check *c, const struct string_list *list)
{
	size_t outer = check_field(c, "gateways");
	uint32_t i;

	for (i = 0; i < list->n; i++) {
		size_t mark = check_item(c, i);

		check_gateway_name(c, list->items[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

void check_address_or_cidr(struct check *c, const char *address)
{
	bool cidr;

	if (!name_is_ip_or_cidr(address, &cidr))
		check_report(c, DIAG_ADDRESS_INVALID,
			     "\"%s\" is neither an IP address nor a CIDR block", address);
}
