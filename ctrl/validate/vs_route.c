/* vs_route.c - destinations and their weights, of http, tls and tcp rules (reference 2.4.1). */
#include <validate/vs.h>

#include <string.h>

#include <validate/names.h>

static void check_destination_host(struct check *c, const char *host)
{
	size_t mark = check_field(c, "host");

	if (!host || !*host)
		check_report(c, DIAG_VS_NO_DESTINATION, "a destination needs a host");
	else if (strcmp(host, "*") == 0)
		check_report(c, DIAG_VS_DESTINATION_HOST, "\"*\" names no service");
	else if (name_is_ip(host))
		check_report(c, DIAG_VS_DESTINATION_HOST,
			     "%s is an address, not a service: declare a ServiceEntry for it",
			     host);
	else
		check_host(c, host);
	check_leave(c, mark);
}

static void check_subset_name(struct check *c, const char *subset)
{
	size_t mark = check_field(c, "subset");

	if (subset && *subset && !name_is_dns_label(subset))
		check_report(c, DIAG_VS_SUBSET_NAME,
			     "\"%s\" is no subset name: up to 63 lower-case letters, digits and "
			     "inner dashes",
			     subset);
	check_leave(c, mark);
}

void check_destination(struct check *c, const char *field, const struct destination *d)
{
	size_t outer = check_field(c, field);

	if (d) {
		check_destination_host(c, d->host);
		check_subset_name(c, d->subset);
	} else {
		check_report(c, DIAG_VS_NO_DESTINATION, "a destination is missing here");
	}
	check_leave(c, outer);
}

/* With one destination the weight means nothing; with several any positive sum is fine
 * (reference D13), but 100 is what everybody expects. */
static void check_weight_sum(struct check *c, const struct http_route_destination *route,
			     uint32_t n)
{
	int64_t sum = 0;
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (route[i].weight < 0)
			return;
		sum += route[i].weight;
	}
	if (n < 2 || sum == 100)
		return;
	if (sum == 0)
		check_report(c, DIAG_VS_WEIGHT_ZERO,
			     "all %u destinations have weight 0: no request would have one", n);
	else
		check_report(c, DIAG_VS_WEIGHT_SUM,
			     "the weights add up to %lld, not to 100: each destination gets its "
			     "share of the sum",
			     (long long)sum);
}

void check_routes(struct check *c, const struct http_route_destination *route, uint32_t n)
{
	size_t outer = check_field(c, "route");
	uint32_t i;

	for (i = 0; i < n; i++) {
		size_t item = check_item(c, i), mark;

		check_destination(c, "destination", route[i].destination);
		mark = check_field(c, "weight");
		if (route[i].weight < 0)
			check_report(c, DIAG_VS_WEIGHT_NEGATIVE, "the weight %d is negative",
				     route[i].weight);
		check_leave(c, mark);
		check_headers(c, route[i].headers);
		check_leave(c, item);
	}
	check_weight_sum(c, route, n);
	check_leave(c, outer);
}
