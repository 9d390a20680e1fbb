/* access_format.c - a log record as one line: tables of fields, in the order of
 * istio/reference 8.2. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "access_log.h"
#include "flags.h"
#include "text.h"

/* A record with its strings found. */
struct entry {
	const struct log_record *r;
	const char *text[LOG_TEXTS];
	size_t len[LOG_TEXTS];
};

/* Lengths come from a worker, but this is where an error would read out of bounds. */
static void find_texts(const struct log_record *r, struct entry *e)
{
	size_t at = 0;

	e->r = r;
	for (unsigned i = 0; i < LOG_TEXTS; i++) {
		size_t left = LOG_TEXT_MAX - at;

		e->text[i] = r->text + at;
		e->len[i] = r->text_len[i] < left ? r->text_len[i] : left;
		at += e->len[i];
	}
}

static void put_start_time(struct text *out, const struct log_record *r)
{
	time_t sec = (time_t)(r->start_us / 1000000);
	struct tm tm;

	gmtime_r(&sec, &tm);
	text_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
		    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		    (unsigned)(r->start_us / 1000 % 1000));
}

enum field_type {
	FIELD_ABSENT, /* weir never has it */
	FIELD_START,
	FIELD_TEXT,
	FIELD_PROTOCOL,
	FIELD_FLAGS,
	FIELD_STATUS,
	FIELD_RECEIVED,
	FIELD_SENT,
	FIELD_DURATION,
	FIELD_SERVICE_TIME,
	FIELD_ADDRESS,
	FIELD_PROXY, /* an address, left out when it is absent */
};

struct field {
	const char *key; /* JSON; text: what is written before the field */
	enum field_type type;
	unsigned arg; /* enum log_text, or the offset of a net_addr */
};

#define TEXT(id)      FIELD_TEXT, id
#define ADDRESS(name) FIELD_ADDRESS, offsetof(struct log_record, name)

static const struct field json_fields[] = {
	{"start_time", FIELD_START, 0},
	{"route_name", TEXT(LOG_ROUTE_NAME)},
	{"method", TEXT(LOG_METHOD)},
	{"path", TEXT(LOG_PATH)},
	{"protocol", FIELD_PROTOCOL, 0},
	{"response_code", FIELD_STATUS, 0},
	{"response_flags", FIELD_FLAGS, 0},
	{"response_code_details", TEXT(LOG_DETAILS)},
	{"connection_termination_details", FIELD_ABSENT, 0},
	{"bytes_received", FIELD_RECEIVED, 0},
	{"bytes_sent", FIELD_SENT, 0},
	{"duration", FIELD_DURATION, 0},
	{"upstream_service_time", FIELD_SERVICE_TIME, 0},
	{"x_forwarded_for", TEXT(LOG_FORWARDED_FOR)},
	{"user_agent", TEXT(LOG_USER_AGENT)},
	{"request_id", TEXT(LOG_REQUEST_ID)},
	{"authority", TEXT(LOG_AUTHORITY)},
	{"upstream_host", ADDRESS(upstream_remote)},
	{"upstream_cluster", TEXT(LOG_UPSTREAM_CLUSTER)},
	{"upstream_local_address", ADDRESS(upstream_local)},
	{"downstream_local_address", ADDRESS(downstream_local)},
	{"downstream_remote_address", ADDRESS(downstream_remote)},
	{"requested_server_name", FIELD_ABSENT, 0},
	{"upstream_transport_failure_reason", TEXT(LOG_TRANSPORT_FAILURE)},
	/* Envoy's DOWNSTREAM_DIRECT_REMOTE_ADDRESS; not of Istio's default. */
	{"downstream_direct_remote_address", FIELD_PROXY,
	 offsetof(struct log_record, downstream_direct)},
};

static const struct field text_fields[] = {
	{"[", FIELD_START, 0},
	{"] \"", TEXT(LOG_METHOD)},
	{" ", TEXT(LOG_PATH)},
	{" ", FIELD_PROTOCOL, 0},
	{"\" ", FIELD_STATUS, 0},
	{" ", FIELD_FLAGS, 0},
	{" ", TEXT(LOG_DETAILS)},
	{" ", FIELD_ABSENT, 0},
	{" \"", TEXT(LOG_TRANSPORT_FAILURE)},
	{"\" ", FIELD_RECEIVED, 0},
	{" ", FIELD_SENT, 0},
	{" ", FIELD_DURATION, 0},
	{" ", FIELD_SERVICE_TIME, 0},
	{" \"", TEXT(LOG_FORWARDED_FOR)},
	{"\" \"", TEXT(LOG_USER_AGENT)},
	{"\" \"", TEXT(LOG_REQUEST_ID)},
	{"\" \"", TEXT(LOG_AUTHORITY)},
	{"\" \"", ADDRESS(upstream_remote)},
	{"\" ", TEXT(LOG_UPSTREAM_CLUSTER)},
	{" ", ADDRESS(upstream_local)},
	{" ", ADDRESS(downstream_local)},
	{" ", ADDRESS(downstream_remote)},
	{" ", FIELD_ABSENT, 0},
	{" ", TEXT(LOG_ROUTE_NAME)},
};

/* Numbers, and what is built of characters that need no escape. False: not one of them. */
static bool put_number(struct text *out, enum field_type type, const struct log_record *r)
{
	switch (type) {
	case FIELD_STATUS:
		text_printf(out, "%u", r->status);
		return true;
	case FIELD_RECEIVED:
		text_printf(out, "%llu", (unsigned long long)r->bytes_received);
		return true;
	case FIELD_SENT:
		text_printf(out, "%llu", (unsigned long long)r->bytes_sent);
		return true;
	case FIELD_DURATION:
		text_printf(out, "%llu", (unsigned long long)(r->duration_us / 1000));
		return true;
	default:
		return false;
	}
}

static bool put_quoted(struct text *out, enum field_type type, const struct log_record *r)
{
	char flags[FLAGS_TEXT_MAX];

	switch (type) {
	case FIELD_START:
		put_start_time(out, r);
		return true;
	case FIELD_PROTOCOL:
		text_printf(out, "HTTP/1.%u", r->minor);
		return true;
	case FIELD_FLAGS:
		text_puts(out, flags_format(r->flags, flags));
		return true;
	case FIELD_SERVICE_TIME: /* a response header in Envoy, so a string */
		text_printf(out, "%llu", (unsigned long long)(r->upstream_us / 1000));
		return true;
	default:
		return false;
	}
}

static const struct net_addr *address_of(const struct field *f, const struct log_record *r)
{
	return (const struct net_addr *)((const char *)r + f->arg);
}

static bool is_absent(const struct field *f, const struct entry *e)
{
	switch (f->type) {
	case FIELD_ABSENT:
		return true;
	case FIELD_TEXT:
		return e->len[f->arg] == 0;
	case FIELD_ADDRESS:
	case FIELD_PROXY:
		return address_of(f, e->r)->port == 0;
	case FIELD_SERVICE_TIME:
		return e->r->upstream_us == UINT64_MAX;
	case FIELD_PROTOCOL:
		return e->r->session;
	default:
		return false;
	}
}

static void put_address(struct text *out, const struct field *f, const struct entry *e)
{
	char addr[NET_ADDR_STRLEN];

	text_puts(out, net_addr_format(address_of(f, e->r), addr));
}

static void put_json_value(struct text *out, const struct field *f, const struct entry *e)
{
	if (is_absent(f, e)) {
		text_puts(out, "null");
	} else if (f->type == FIELD_TEXT) {
		text_put_json(out, e->text[f->arg], e->len[f->arg]);
	} else if (!put_number(out, f->type, e->r)) {
		text_puts(out, "\"");
		if (!put_quoted(out, f->type, e->r))
			put_address(out, f, e);
		text_puts(out, "\"");
	}
}

static void put_text_value(struct text *out, const struct field *f, const struct entry *e)
{
	if (is_absent(f, e))
		text_puts(out, "-");
	else if (f->type == FIELD_TEXT)
		text_put_field(out, e->text[f->arg], e->len[f->arg]);
	else if (!put_number(out, f->type, e->r) && !put_quoted(out, f->type, e->r))
		put_address(out, f, e);
}

static void format_json(const struct entry *e, struct text *out)
{
	char before = '{';

	for (size_t i = 0; i < sizeof(json_fields) / sizeof(json_fields[0]); i++) {
		if (json_fields[i].type == FIELD_PROXY && is_absent(&json_fields[i], e))
			continue;
		text_printf(out, "%c\"%s\":", before, json_fields[i].key);
		put_json_value(out, &json_fields[i], e);
		before = ',';
	}
	text_puts(out, "}\n");
}

static void format_text(const struct entry *e, struct text *out)
{
	for (size_t i = 0; i < sizeof(text_fields) / sizeof(text_fields[0]); i++) {
		text_puts(out, text_fields[i].key);
		put_text_value(out, &text_fields[i], e);
	}
	text_puts(out, "\n");
}

void access_log_format(enum log_format format, const struct log_record *r, struct text *out)
{
	struct entry e;

	find_texts(r, &e);
	if (format == LOG_FORMAT_JSON)
		format_json(&e, out);
	else if (format == LOG_FORMAT_TEXT)
		format_text(&e, out);
}
