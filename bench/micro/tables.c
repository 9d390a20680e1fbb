/* tables.c - see tables.h. */
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define RULE_MATCHES    50   /* match blocks of one rule */
#define SERVICE_MATCHES 1000 /* of one VirtualService */
#define MIXED_REGEXES   200

const char *const table_names[TABLE_KINDS] = {
	[TABLE_EXACT] = "exact", [TABLE_PREFIX] = "prefix", [TABLE_REGEX] = "regex",
	[TABLE_GROUP] = "group", [TABLE_HEADER] = "header", [TABLE_QUERY] = "query",
	[TABLE_MIXED] = "mixed",
};

static const char common[] =
	"apiVersion: networking.istio.io/v1\n"
	"kind: Gateway\n"
	"metadata: {name: public}\n"
	"spec:\n"
	"  selector: {istio: ingressgateway}\n"
	"  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]\n"
	"---\n"
	"apiVersion: networking.istio.io/v1\n"
	"kind: ServiceEntry\n"
	"metadata: {name: bench}\n"
	"spec:\n"
	"  hosts: [bench.test]\n"
	"  resolution: STATIC\n"
	"  ports: [{number: 80, name: http, protocol: HTTP}]\n"
	"  endpoints: [{address: 198.18.0.3}]\n";

/* The kind of route i, in a mixture as good as any: six exact paths, two prefixes, one header
 * and one regex (as long as there are some) of ten. */
static enum table_kind kind_of(enum table_kind kind, uint32_t i)
{
	if (kind != TABLE_MIXED)
		return kind;
	if (i % 10 == 9)
		return i / 10 < MIXED_REGEXES ? TABLE_REGEX : TABLE_EXACT;
	if (i % 10 == 8)
		return TABLE_HEADER;
	return i % 10 >= 6 ? TABLE_PREFIX : TABLE_EXACT;
}

static void put_match(FILE *f, enum table_kind kind, uint32_t i)
{
	switch (kind_of(kind, i)) {
	case TABLE_PREFIX:
		fprintf(f, "{uri: {prefix: /prefix/%u/}}", i);
		break;
	case TABLE_REGEX:
		fprintf(f, "{uri: {regex: '/regex/%u/[a-z]+'}}", i);
		break;
	case TABLE_GROUP:
		fprintf(f, "{uri: {regex: '/(?:regex|group)/%u/[a-z]+'}}", i);
		break;
	case TABLE_HEADER:
		fprintf(f, "{%sheaders: {x-user: {exact: u%u}}}",
			kind == TABLE_MIXED ? "uri: {prefix: /header/}, " : "", i);
		break;
	case TABLE_QUERY:
		fprintf(f, "{queryParams: {user: {exact: u%u}}}", i);
		break;
	default:
		fprintf(f, "{uri: {exact: /exact/%u/items}}", i);
		break;
	}
}

static void put_service(FILE *f, enum table_kind kind, uint32_t from, uint32_t to)
{
	fprintf(f,
		"---\n"
		"apiVersion: networking.istio.io/v1\n"
		"kind: VirtualService\n"
		"metadata: {name: bench-%06u}\n"
		"spec:\n"
		"  hosts: [bench.example.com]\n"
		"  gateways: [public]\n"
		"  http:\n",
		from);
	for (uint32_t i = from; i < to; i++) {
		if ((i - from) % RULE_MATCHES == 0)
			fprintf(f, "  - route: [{destination: {host: bench.test}}]\n    match:\n");
		fprintf(f, "    - ");
		put_match(f, kind, i);
		fprintf(f, "\n");
	}
}

char *table_yaml(enum table_kind kind, uint32_t n)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	bench_require(f != NULL, "memory for resources");
	fputs(common, f);
	for (uint32_t i = 0; i < n; i += SERVICE_MATCHES)
		put_service(f, kind, i, n - i < SERVICE_MATCHES ? n : i + SERVICE_MATCHES);
	bench_require(fclose(f) == 0, "memory for resources");
	return text;
}

struct table_request table_request(enum table_kind kind, uint32_t n, uint32_t i)
{
	struct table_request r = {.path = "/none/of/them/items", .user = "nobody"};

	if (i == n)
		return r;
	switch (kind_of(kind, i)) {
	case TABLE_PREFIX:
		snprintf(r.path, sizeof(r.path), "/prefix/%u/items", i);
		break;
	case TABLE_REGEX:
		snprintf(r.path, sizeof(r.path), "/regex/%u/items", i);
		break;
	case TABLE_GROUP:
		snprintf(r.path, sizeof(r.path), "/group/%u/items", i);
		break;
	case TABLE_HEADER:
		snprintf(r.path, sizeof(r.path), "/header/items");
		snprintf(r.user, sizeof(r.user), "u%u", i);
		break;
	case TABLE_QUERY:
		snprintf(r.path, sizeof(r.path), "/query/items?page=1&user=u%u", i);
		break;
	default:
		snprintf(r.path, sizeof(r.path), "/exact/%u/items", i);
		break;
	}
	return r;
}

void table_fill_head(struct http_head *h, const struct table_request *r)
{
	h->method = SLICE("GET");
	h->method_id = HTTP_GET;
	h->path = slice_str(r->path);
	h->path_len = (uint32_t)strcspn(r->path, "?");
	h->authority = SLICE("bench.example.com");
	h->n_fields = 3;
	h->fields[0] = (struct http_field){
		.name = SLICE("Host"), .value = h->authority, .id = HTTP_FIELD_HOST};
	h->fields[1] = (struct http_field){.name = SLICE("User-Agent"),
					   .value = SLICE("weir-load"),
					   .id = HTTP_FIELD_USER_AGENT};
	h->fields[2] = (struct http_field){.name = SLICE("X-User"), .value = slice_str(r->user)};
}
