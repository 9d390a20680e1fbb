/* vs_cors.c - http[].corsPolicy (reference 2.4.10). */
#include <validate/vs.h>

#include <inttypes.h>
#include <string.h>

static void check_origins(struct check *c, const struct cors_policy *p)
{
	size_t outer = check_field(c, "allowOrigins");
	uint32_t i;

	for (i = 0; i < p->n_allow_origins; i++) {
		const struct string_match *m = &p->allow_origins[i];
		size_t mark = check_item(c, i);

		if (m->kind == SM_PRESENT || (m->kind == SM_EXACT && !*m->value))
			check_report(c, DIAG_VS_CORS_ORIGIN,
				     "the entry allows no origin: write exact, prefix or regex, or "
				     "exact: \"*\" for all");
		else
			check_string_match(c, m, false);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static bool is_method(const char *method)
{
	static const char *const methods[] = {"GET",    "HEAD",    "POST",    "PUT",   "PATCH",
					      "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"};
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(methods[i], method) == 0)
			return true;
	return false;
}

static void check_methods(struct check *c, const struct string_list *list)
{
	size_t outer = check_field(c, "allowMethods");
	uint32_t i;

	for (i = 0; i < list->n; i++) {
		size_t mark = check_item(c, i);

		if (!is_method(list->items[i]))
			check_report(c, DIAG_VS_CORS_METHOD,
				     "\"%s\" is no method: GET, HEAD, POST, PUT, PATCH, DELETE, "
				     "CONNECT, OPTIONS, TRACE or *",
				     list->items[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_names(struct check *c, const char *field, const struct string_list *list)
{
	size_t outer = check_field(c, field);
	uint32_t i;

	for (i = 0; i < list->n; i++) {
		size_t mark = check_item(c, i);

		check_header_name(c, list->items[i], true);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

void check_cors(struct check *c, const struct cors_policy *p)
{
	size_t outer, mark;

	if (!p)
		return;
	outer = check_field(c, "corsPolicy");
	check_origins(c, p);
	check_methods(c, &p->allow_methods);
	check_names(c, "allowHeaders", &p->allow_headers);
	check_names(c, "exposeHeaders", &p->expose_headers);
	mark = check_field(c, "maxAge");
	if (p->max_age_us % 1000000)
		check_report(c, DIAG_VS_CORS_MAX_AGE,
			     "browsers are told whole seconds: %" PRIu64 "ms is none",
			     p->max_age_us / 1000);
	check_leave(c, mark);
	check_leave(c, outer);
}
