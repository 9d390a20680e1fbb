/* test_headers.c - operations on fields in their order, and every variable of a value. */
#include "filter.h"

#include <filter/headers.h>
#include <filter/value.h>

static struct http_head req, resp;
static struct http_extra extra;
static struct scratch scratch;
static struct net_addr client, direct, local, upstream;

static void add_field(struct http_head *h, const char *name, const char *value)
{
	h->fields[h->n_fields++] =
		(struct http_field){.name = slice_str(name), .value = slice_str(value)};
}

static int setup(void **state)
{
	(void)state;
	memset(&req, 0, sizeof(req));
	memset(&resp, 0, sizeof(resp));
	extra.n = 0;
	req.path = SLICE("/p?q");
	req.path_len = 2;
	req.method = SLICE("GET");
	req.authority = SLICE("x.test");
	add_field(&req, "X-One", "1");
	add_field(&req, "x-Two", "2");
	add_field(&req, "x-one", "3");
	add_field(&resp, "X-Resp", "r");
	ip_addr_parse("192.0.2.1", &client.ip);
	ip_addr_parse("192.0.2.3", &direct.ip);
	direct.port = 4321;
	ip_addr_parse("2001:db8::2", &local.ip);
	client.port = 1234;
	local.port = 80;
	upstream.port = 0;
	return 0;
}

static struct filter_view view(void)
{
	scratch = fresh_scratch();
	return (struct filter_view){
		.req = &req,
		.resp = &resp,
		.request_id = SLICE("id"),
		.client = &client,
		.direct = &direct,
		.local = &local,
		.upstream = &upstream,
		.cluster = "c",
		.start_us = 1700000000123456ull,
		.status = 418,
		.minor = 1,
		.scratch = &scratch,
	};
}

static struct slice make(struct value_part part)
{
	struct filter_view v = view();

	if (!part.max)
		part.max = UINT32_MAX;
	return value_make(&v, &(struct header_value){1, &part});
}

#define OF(s)  ((struct value_part){.source = VALUE_##s})
#define REQ(n) ((struct value_part){.source = VALUE_REQUEST_FIELD, .text = TEXT(n)})

static void variables(void **state)
{
	(void)state;
	assert_slice(make(OF(CLIENT)), "192.0.2.1:1234");
	assert_slice(make(OF(CLIENT_IP)), "192.0.2.1");
	assert_slice(make(OF(CLIENT_PORT)), "1234");
	assert_slice(make(OF(PEER)), "192.0.2.3:4321");
	assert_slice(make(OF(PEER_IP)), "192.0.2.3");
	assert_slice(make(OF(LOCAL)), "[2001:db8::2]:80");
	assert_slice(make(OF(LOCAL_IP)), "2001:db8::2");
	assert_slice(make(OF(LOCAL_PORT)), "80");
	assert_slice(make(OF(UPSTREAM)), "");
	assert_slice(make(OF(UPSTREAM_CLUSTER)), "c");
	assert_slice(make(OF(ROUTE_NAME)), "");
	assert_slice(make(OF(PROTOCOL)), "HTTP/1.1");
	assert_slice(make(OF(RESPONSE_CODE)), "418");
	assert_slice(make(OF(START_TIME)), "2023-11-14T22:13:20.123Z");
}

static void fields_as_variables(void **state)
{
	struct value_part p = REQ("x-none");

	(void)state;
	assert_slice(make(REQ("x-one")), "1,3");
	assert_slice(make(REQ("x-two")), "2");
	assert_slice(make(REQ("x-none")), "");
	assert_slice(make(REQ(":path")), "/p?q");
	assert_slice(make(REQ(":method")), "GET");
	assert_slice(make(REQ(":authority")), "x.test");
	assert_slice(make(REQ("host")), "x.test");
	assert_slice(make(REQ("x-request-id")), "id");
	p.other = TEXT("x-two");
	assert_slice(make(p), "2");
	p = REQ("x-one");
	p.max = 2;
	assert_slice(make(p), "1,");
	p.source = VALUE_RESPONSE_FIELD;
	p.text = TEXT("x-resp");
	assert_slice(make(p), "r");
}

static void parts_are_joined(void **state)
{
	struct value_part parts[] = {
		{.source = VALUE_LITERAL, .text = TEXT("a="), .max = UINT32_MAX},
		{.source = VALUE_REQUEST_FIELD, .text = TEXT("x-one"), .max = UINT32_MAX},
		{.source = VALUE_REQUEST_FIELD, .text = TEXT("x-none"), .max = UINT32_MAX},
		{.source = VALUE_LITERAL, .text = TEXT(";"), .max = UINT32_MAX},
	};
	struct filter_view v = view();

	(void)state;
	assert_slice(value_make(&v, &(struct header_value){4, parts}), "a=1,3;");
	/* Whatever there is no room for is left out, and nothing is written beyond. */
	for (uint32_t size = 0; size < 16; size++) {
		scratch = (struct scratch){scratch_bytes, size, 0};
		assert_true(value_make(&v, &(struct header_value){4, parts}).n <= 6);
		assert_true(scratch.used <= size);
	}
}

#define LITERAL(s)                                                                                 \
	{                                                                                          \
		1, &(const struct value_part)                                                      \
		{                                                                                  \
			.source = VALUE_LITERAL, .max = UINT32_MAX, .text = TEXT(s)                \
		}                                                                                  \
	}

/* What goes out under a name, joined by ",". */
static const char *sent(const char *name)
{
	static char out[256];
	struct slice want = slice_str(name);

	out[0] = '\0';
	for (unsigned i = 0; i < req.n_fields + extra.n; i++) {
		const struct http_field *f =
			i < req.n_fields ? &req.fields[i] : &extra.fields[i - req.n_fields];

		if (!f->hop && slice_eq_nocase(f->name, want)) {
			strcat(out, out[0] ? "," : "");
			strncat(out, f->value.p, f->value.n);
		}
	}
	return out;
}

static void operations(void **state)
{
	const struct header_op ops[] = {
		{HEADER_REMOVE, TEXT("x-two"), {0}},
		{HEADER_SET, TEXT("x-one"), LITERAL("s")},
		{HEADER_ADD, TEXT("x-one"), LITERAL("a")},
		{HEADER_ADD, TEXT("x-new"), LITERAL("n")},
		{HEADER_SET, TEXT("x-empty"), {0, NULL}},
		{HEADER_ADD, TEXT("x-own"), LITERAL("2")},
	};
	struct filter_view v = view();

	(void)state;
	http_extra_add(&extra, SLICE("x-own"), SLICE("1"));
	headers_apply(&v, &(struct header_ops){6, ops}, &req, &extra);
	assert_string_equal(sent("x-two"), "");
	assert_string_equal(sent("x-one"), "s,a");
	assert_string_equal(sent("x-new"), "n");
	assert_string_equal(sent("x-empty"), "");
	assert_string_equal(sent("x-own"), "1,2");
	headers_set(&req, &extra, SLICE("x-own"), SLICE("3"));
	assert_string_equal(sent("x-own"), "3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(variables, setup),
		cmocka_unit_test_setup(fields_as_variables, setup),
		cmocka_unit_test_setup(parts_are_joined, setup),
		cmocka_unit_test_setup(operations, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
