/* proxy_config.c - weirctl proxy-config: what the workers run on, in tables. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "print.h"
#include "table.h"

struct pc_options {
	const char *name, *address, *fqdn, *subset, *cluster, *output;
	unsigned port;
};

/* clang-format off */
#define OPT_NAME(what)    {"name", 0, OPTION_TEXT, "TEXT", "only " what " whose name contains it", offsetof(struct pc_options, name)}
#define OPT_ADDRESS(what) {"address", 0, OPTION_TEXT, "IP", "only " what " with this address", offsetof(struct pc_options, address)}
#define OPT_FQDN          {"fqdn", 0, OPTION_TEXT, "HOST", "only of services whose full name contains it", offsetof(struct pc_options, fqdn)}
#define OPT_SUBSET        {"subset", 0, OPTION_TEXT, "NAME", "only of this subset", offsetof(struct pc_options, subset)}
#define OPT_CLUSTER       {"cluster", 0, OPTION_TEXT, "TEXT", "only of clusters whose name contains it", offsetof(struct pc_options, cluster)}
#define OPT_PORT(what)    {"port", 0, OPTION_PORT, "N", "only " what " with this port", offsetof(struct pc_options, port)}
#define OPT_OUTPUT        {"output", 'o', OPTION_CHOICE, OUTPUT_CHOICES, "how to print it", offsetof(struct pc_options, output)}
/* clang-format on */

/* One kind: where it comes from and how one of it is chosen and shown. */
struct kind {
	const char *path, *member; /* of the admin API, and the array in its answer */
	const char *headings[TABLE_COLUMNS_MAX];
	bool (*chosen)(const json_t *item, const struct pc_options *o);
	void (*put)(struct table *t, const json_t *item);
};

static bool contains(const json_t *item, const char *key, const char *part)
{
	return !part || strstr(json_get_string(item, key), part);
}

static bool equals(const json_t *item, const char *key, const char *value)
{
	return !value || strcmp(json_get_string(item, key), value) == 0;
}

static bool has_port(const json_t *item, unsigned port)
{
	return port == 0 || json_get_int(item, "port") == port;
}

/* An array of its own with those that are chosen. */
static json_t *choose(const json_t *all, const struct kind *k, const struct pc_options *o)
{
	json_t *chosen = json_array(), *item;
	size_t i;

	json_array_foreach(all, i, item) if (k->chosen(item, o)) json_array_append(chosen, item);
	return chosen;
}

static void print(const struct context *c, const struct kind *k, const json_t *items)
{
	const json_t *item;
	struct table t;
	size_t i;

	table_init(&t, k->headings);
	json_array_foreach(items, i, item) k->put(&t, item);
	table_print(&t, c->out);
	table_fini(&t);
}

/* part: what the names of wanted items contain, so that weir need not send the others. */
static enum exit_code run_kind(const struct context *c, const struct kind *k,
			       const struct pc_options *o, const char *part)
{
	struct client_query q;
	json_t *answer, *items;

	client_query_init(&q, k->path);
	client_query_add_optional(&q, "name", part);
	answer = client_get(c, &q);
	if (!answer)
		return EXIT_FAILED;
	items = choose(json_object_get(answer, k->member), k, o);
	if (option_is(o->output, "json"))
		print_json(c->out, items);
	else
		print(c, k, items);
	json_decref(items);
	json_decref(answer);
	return EXIT_DONE;
}

/* ---- listeners ---- */

static bool listener_chosen(const json_t *l, const struct pc_options *o)
{
	const char *name = json_get_string(l, "name"), *colon = strrchr(name, ':');
	size_t len = colon ? (size_t)(colon - name) : 0;

	if (len >= 2 && name[0] == '[') {
		name++;
		len -= 2;
	}
	return has_port(l, o->port) &&
	       (!o->address || (strlen(o->address) == len && memcmp(name, o->address, len) == 0));
}

static void listener_put(struct table *t, const json_t *l)
{
	const char *fallback = json_get_string(l, "fallback");
	bool tcp = strcmp(json_get_string(l, "protocol"), "tcp") == 0;

	table_put(t, json_get_string(l, "name"));
	table_put(t, json_get_string(l, "kind"));
	table_printf(t, "%lld", (long long)json_get_int(l, "host_count"));
	table_put(t, *fallback ? fallback : tcp ? "tcp" : "404");
}

static const struct kind listeners = {
	.path = "/listeners?brief=1",
	.member = "listeners",
	.headings = {"LISTENER", "KIND", "DOMAINS", "OTHER HOSTS"},
	.chosen = listener_chosen,
	.put = listener_put,
};

static enum exit_code run_listener(const struct context *c, const void *values,
				   const struct arg_list *args)
{
	const struct pc_options *o = values;

	(void)args;
	return run_kind(c, &listeners, o, o->address);
}

static const struct option_spec listener_specs[] = {OPT_ADDRESS("listeners"), OPT_PORT("listeners"),
						    OPT_OUTPUT};

const struct verb proxy_config_listener_verb = {
	.name = "proxy-config",
	.kind = "listener",
	.alias = "listeners",
	.args = "",
	.summary = "where connections are taken",
	.help = "Prints where connections are taken: `gateway` listeners (0.0.0.0 is every own\n"
		"address), and `mesh` listeners, the addresses of services; how many domains each\n"
		"knows, and the virtual host of all others. Of `tcp` nothing is read: the "
		"listener\n"
		"has one route.",
	.options = listener_specs,
	.n_options = sizeof(listener_specs) / sizeof(listener_specs[0]),
	.run = run_listener,
};

/* ---- routes ---- */

static const char *text_of(const json_t *item, const char *member)
{
	const char *s = member ? json_get_string(item, member) : json_string_value(item);

	return s ? s : "";
}

/* "a, b and 3 more" of strings, or of a member of objects. */
static char *joined(const json_t *array, const char *member, const char *between, size_t max)
{
	char *text = NULL;
	size_t len, i;
	FILE *f = open_memstream(&text, &len);
	const json_t *item;

	if (!f)
		return NULL;
	json_array_foreach(array, i, item)
	{
		if (i == max) {
			fprintf(f, " and %zu more", json_array_size(array) - max);
			break;
		}
		fprintf(f, "%s%s", i ? between : "", text_of(item, member));
	}
	fclose(f);
	return text;
}

static void put_joined(struct table *t, const json_t *array, const char *member,
		       const char *between, size_t max, const char *none)
{
	char *text = joined(array, member, between, max);

	table_put(t, text && *text ? text : none);
	free(text);
}

static void put_targets(struct table *t, const json_t *targets)
{
	char *text = NULL;
	size_t len, i;
	FILE *f = open_memstream(&text, &len);
	const json_t *target;

	json_array_foreach(targets, i, target)
	{
		const char *name = json_get_string(target, "cluster");

		if (!f)
			break;
		if (json_array_size(targets) == 1)
			fputs(name, f);
		else
			fprintf(f, "%s%.3g%% %s", i ? ", " : "",
				json_number_value(json_object_get(target, "percent")), name);
	}
	if (f && fclose(f) == 0)
		table_put(t, text);
	else
		table_put(t, "");
	free(text);
}

static bool vhost_chosen(const json_t *v, const struct pc_options *o)
{
	return contains(v, "name", o->name) && has_port(v, o->port);
}

static void route_put(struct table *t, const json_t *r)
{
	const json_t *origin = json_object_get(r, "origin");

	table_put(t, json_get_string(r, "name"));
	put_joined(t, json_object_get(r, "match"), "condition", ", ", 100, "*");
	if (json_array_size(json_object_get(r, "targets")) > 0)
		put_targets(t, json_object_get(r, "targets"));
	else
		put_joined(t, json_object_get(r, "actions"), NULL, "; ", 100, "");
	table_printf(t, "%s%s%s", json_get_string(origin, "resource"), origin ? " " : "",
		     json_get_string(origin, "field"));
}

/* The virtual host and its domains stand at its first route. */
static void vhost_put(struct table *t, const json_t *v)
{
	const json_t *routes = json_object_get(v, "routes"), *r;
	size_t i;

	json_array_foreach(routes, i, r)
	{
		table_put(t, i ? " " : json_get_string(v, "name"));
		if (i)
			table_put(t, " ");
		else
			put_joined(t, json_object_get(v, "domains"), NULL, ", ", 2, "");
		table_printf(t, "%zu", i);
		route_put(t, r);
	}
}

static const struct kind routes = {
	.path = "/virtual_hosts",
	.member = "virtual_hosts",
	.headings = {"VIRTUAL HOST", "DOMAINS", "#", "ROUTE", "MATCH", "DESTINATION", "FROM"},
	.chosen = vhost_chosen,
	.put = vhost_put,
};

static enum exit_code run_route(const struct context *c, const void *values,
				const struct arg_list *args)
{
	const struct pc_options *o = values;

	(void)args;
	return run_kind(c, &routes, o, o->name);
}

static const struct option_spec route_specs[] = {OPT_NAME("virtual hosts"),
						 OPT_PORT("virtual hosts"), OPT_OUTPUT};

const struct verb proxy_config_route_verb = {
	.name = "proxy-config",
	.kind = "route",
	.alias = "routes",
	.args = "",
	.summary = "virtual hosts, and their routes in order",
	.help = "Prints the virtual hosts with their domains, and the routes of each in the order "
		"in\n"
		"which they are tried: all conditions of a route must hold, * takes everything. A\n"
		"TCP listener stands among them with its route.",
	.options = route_specs,
	.n_options = sizeof(route_specs) / sizeof(route_specs[0]),
	.run = run_route,
};

/* ---- clusters ---- */

static bool cluster_chosen(const json_t *cluster, const struct pc_options *o)
{
	return contains(cluster, "service", o->fqdn) && equals(cluster, "subset", o->subset) &&
	       contains(cluster, "name", o->cluster) && has_port(cluster, o->port);
}

static void cluster_put(struct table *t, const json_t *cluster)
{
	table_put(t, json_get_string(cluster, "service"));
	table_printf(t, "%lld", (long long)json_get_int(cluster, "port"));
	table_put(t, json_get_string(cluster, "subset"));
	table_put(t, json_get_string(cluster, "load_balancer"));
	table_printf(t, "%zu", json_array_size(json_object_get(cluster, "endpoints")));
	table_put(t, json_get_string(cluster, "name"));
}

static const struct kind clusters = {
	.path = "/clusters",
	.member = "clusters",
	.headings = {"SERVICE", "PORT", "SUBSET", "LOAD BALANCER", "ENDPOINTS", "CLUSTER"},
	.chosen = cluster_chosen,
	.put = cluster_put,
};

static enum exit_code run_cluster(const struct context *c, const void *values,
				  const struct arg_list *args)
{
	const struct pc_options *o = values;

	(void)args;
	return run_kind(c, &clusters, o, o->fqdn);
}

static const struct option_spec cluster_specs[] = {OPT_FQDN, OPT_PORT("clusters"), OPT_SUBSET,
						   OPT_OUTPUT};

const struct verb proxy_config_cluster_verb = {
	.name = "proxy-config",
	.kind = "cluster",
	.alias = "clusters",
	.args = "",
	.summary = "services, their subsets, how load is balanced",
	.help = "Prints the clusters: one for each port of a service and one for each subset of "
		"it.",
	.options = cluster_specs,
	.n_options = sizeof(cluster_specs) / sizeof(cluster_specs[0]),
	.run = run_cluster,
};

/* ---- endpoints ---- */

/* The array's elements are those of all clusters, each with its cluster's name. */
static json_t *endpoints_of(const json_t *all, const struct pc_options *o)
{
	json_t *out = json_array(), *cluster, *endpoint;
	size_t i, k;

	json_array_foreach(all, i, cluster)
	{
		struct pc_options of_cluster = *o;

		of_cluster.port = 0; /* asks for the endpoint's */
		if (!cluster_chosen(cluster, &of_cluster))
			continue;
		json_array_foreach(json_object_get(cluster, "endpoints"), k, endpoint)
		{
			json_object_set(endpoint, "cluster", json_object_get(cluster, "name"));
			json_array_append(out, endpoint);
		}
	}
	return out;
}

static bool endpoint_chosen(const json_t *e, const struct pc_options *o)
{
	const char *address = json_get_string(e, "address"), *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : strlen(address);

	if (o->port && (!colon || strtoul(colon + 1, NULL, 10) != o->port))
		return false;
	if (len >= 2 && address[0] == '[') {
		address++;
		len -= 2;
	}
	return !o->address || (strlen(o->address) == len && memcmp(address, o->address, len) == 0);
}

/* As istioctl calls it; what its active checks say, by the flags of /clusters. */
static const char *health_of(const json_t *e)
{
	const json_t *flags = json_object_get(e, "health_flags"), *flag;
	const char *health = "HEALTHY";
	size_t i;

	json_array_foreach(flags, i, flag)
	{
		const char *name = json_is_string(flag) ? json_string_value(flag) : "";

		if (strcmp(name, "pending_active_hc") == 0)
			return "UNKNOWN";
		if (strcmp(name, "failed_active_hc") == 0)
			health = "UNHEALTHY";
	}
	return health;
}

static void endpoint_put(struct table *t, const json_t *e)
{
	table_put(t, json_get_string(e, "address"));
	table_put(t, health_of(e));
	table_put(t, json_is_true(json_object_get(e, "ejected")) ? "FAILED" : "OK");
	table_printf(t, "%lld", (long long)json_get_int(e, "weight"));
	table_put(t, json_get_string(e, "version"));
	table_put(t, json_get_string(e, "cluster"));
}

static const struct kind endpoints = {
	.headings = {"ENDPOINT", "STATUS", "OUTLIER CHECK", "WEIGHT", "VERSION", "CLUSTER"},
	.chosen = endpoint_chosen,
	.put = endpoint_put,
};

static enum exit_code run_endpoint(const struct context *c, const void *values,
				   const struct arg_list *args)
{
	const struct pc_options *o = values;
	struct client_query q;
	json_t *answer, *all, *items;

	(void)args;
	client_query_init(&q, clusters.path);
	client_query_add_optional(&q, "name", o->cluster ? o->cluster : o->fqdn);
	answer = client_get(c, &q);
	if (!answer)
		return EXIT_FAILED;
	all = endpoints_of(json_object_get(answer, clusters.member), o);
	items = choose(all, &endpoints, o);
	if (option_is(o->output, "json"))
		print_json(c->out, items);
	else
		print(c, &endpoints, items);
	json_decref(items);
	json_decref(all);
	json_decref(answer);
	return EXIT_DONE;
}

static const struct option_spec endpoint_specs[] = {OPT_ADDRESS("endpoints"),
						    OPT_PORT("endpoints"),
						    OPT_CLUSTER,
						    OPT_FQDN,
						    OPT_SUBSET,
						    OPT_OUTPUT};

const struct verb proxy_config_endpoint_verb = {
	.name = "proxy-config",
	.kind = "endpoint",
	.alias = "endpoints",
	.args = "",
	.summary = "where the workloads of each cluster are",
	.help = "Prints the endpoints that requests are balanced over, for each cluster.",
	.options = endpoint_specs,
	.n_options = sizeof(endpoint_specs) / sizeof(endpoint_specs[0]),
	.run = run_endpoint,
};
