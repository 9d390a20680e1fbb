/* tables.h - virtual hosts with many routes, written as VirtualServices and compiled, and the
 * requests that are routed by them. */
#pragma once
#include <http/message.h>
#include <weir/snapshot.h>

enum table_kind {
	TABLE_EXACT,  /* by exact path */
	TABLE_PREFIX, /* by path prefix */
	TABLE_REGEX,  /* by path regex that begins with a text of its own */
	TABLE_GROUP,  /* by path regex that begins with a choice: all are scanned for together */
	TABLE_HEADER, /* by the value of a header, whatever the path */
	TABLE_QUERY,  /* by the value of a query parameter */
	TABLE_MIXED,  /* exact paths, prefixes, headers with a prefix, and up to 200 regexes */
	TABLE_KINDS
};

/* Resources whose virtual host bench.example.com has n routes. The caller frees it. */
char *table_yaml(enum table_kind kind, uint32_t n);

/* What a request needs to take a route: its path and the value of its header x-user. */
struct table_request {
	char path[48];
	char user[16];
};

/* The request that takes route i of n; i == n: one that takes none. */
struct table_request table_request(enum table_kind kind, uint32_t n, uint32_t i);
/* Makes h this request, which is borrowed. */
void table_fill_head(struct http_head *h, const struct table_request *r);

extern const char *const table_names[TABLE_KINDS];
