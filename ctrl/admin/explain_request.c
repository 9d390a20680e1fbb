/* explain_request.c - reads URLs (RFC 3986, RFC 9110 4.2) and header lines (RFC 9110 5). */
#include "explain_request.h"

#include <string.h>
#include <strings.h>

#include "describe.h"

#define DEFAULT_PORT 80

static const struct span host_name = {"host", 4};

/* ---- characters ---- */

/* tchar of RFC 9110 5.6.2 */
static bool is_token(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

		if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return n > 0;
}

static bool has_control(const char *p, size_t n, bool blanks_too)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == 0x7f || c < 0x20 ? c != '\t' || blanks_too : c == ' ' && blanks_too)
			return true;
	}
	return false;
}

static bool refuse(struct text *why, const char *what, const char *p, size_t n, const char *reason)
{
	text_printf(why, "%s ", what);
	describe_value(why, p, n);
	text_printf(why, ": %s\n", reason);
	return false;
}

/* ---- the URL ---- */

/* A URL in its parts; those that are missing are empty. */
struct url {
	const char *text;
	struct span host; /* with the brackets of an IPv6 address */
	struct span port;
	const char *rest; /* from the path on */
};

static bool bad_url(const struct url *u, struct text *why, const char *reason)
{
	return refuse(why, "url", u->text, strlen(u->text), reason);
}

/* Returns behind "http://", which may be missing; NULL: it is another scheme. */
static const char *skip_scheme(const struct url *u, struct text *why)
{
	size_t n = strspn(u->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789+-.");

	if (strncmp(u->text + n, "://", 3) != 0)
		return u->text;
	if (n == 4 && strncasecmp(u->text, "http", 4) == 0)
		return u->text + n + 3;
	bad_url(u, why,
		"only http is served by this version; a plain-text listener on another port is "
		"asked with http://HOST:PORT/");
	return NULL;
}

static bool split_authority(struct url *u, const char *p, struct text *why)
{
	size_t n = strcspn(p, "/?#");
	const char *close = *p == '[' ? memchr(p, ']', n) : NULL;
	const char *colon;

	u->rest = p + n;
	if (memchr(p, '@', n))
		return bad_url(u, why, "a user or password does not belong into it");
	if (*p == '[' && !close)
		return bad_url(u, why, "the ] of an IPv6 address is missing");
	colon = memchr(close ? close : p, ':', n - (size_t)((close ? close : p) - p));
	u->host = span_of(p, colon ? (size_t)(colon - p) : n);
	u->port = colon ? span_of(colon + 1, (size_t)(p + n - colon - 1)) : span_of("", 0);
	if (u->host.n == 0)
		return bad_url(u, why, "it has no host; write http://HOST/PATH");
	if (close && u->host.p + u->host.n != close + 1)
		return bad_url(u, why, "only a port may follow the ] of an IPv6 address");
	return true;
}

static bool read_port(struct explain_request *r, const struct url *u, struct text *why)
{
	uint32_t port = 0;

	r->port = DEFAULT_PORT;
	if (u->port.n == 0)
		return true;
	for (uint32_t i = 0; i < u->port.n && port <= UINT16_MAX; i++) {
		if (u->port.p[i] < '0' || u->port.p[i] > '9')
			return bad_url(u, why, "the port is no number");
		port = port * 10 + (uint32_t)(u->port.p[i] - '0');
	}
	if (port == 0 || port > UINT16_MAX)
		return bad_url(u, why, "a port is 1 to 65535");
	r->port = (uint16_t)port;
	return true;
}

static bool read_ip(struct span s, struct ip_addr *out)
{
	char text[IP_ADDR_STRLEN];

	if (s.n >= 2 && s.p[0] == '[')
		s = span_of(s.p + 1, s.n - 2);
	if (s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return ip_addr_parse(text, out);
}

/* The authority that clients send: without the port when it is the scheme's own. */
static bool read_host(struct explain_request *r, const struct url *u, struct text *why)
{
	if (u->host.p[0] == '[' && !read_ip(u->host, &r->to))
		return bad_url(u, why, "there is no IPv6 address in the brackets");
	if (has_control(u->host.p, u->host.n, true) || memchr(u->host.p, ',', u->host.n))
		return bad_url(u, why, "no host has such characters");
	r->has_to = read_ip(u->host, &r->to);
	if (r->port == DEFAULT_PORT) {
		r->authority = u->host;
		return true;
	}
	r->authority = span_of(r->host_bytes,
			       (size_t)snprintf(r->host_bytes, sizeof(r->host_bytes), "%.*s:%u",
						(int)u->host.n, u->host.p, r->port));
	return true;
}

/* The query stays as it is. */
static bool normalize(struct explain_request *r, const struct url *u, enum path_normalization kind,
		      struct text *why)
{
	uint32_t len = (uint32_t)strcspn(r->sent.p, "?");
	struct span path;

	if (!explain_path_normalize(span_of(r->sent.p, len), kind, r->path_bytes, &path))
		return bad_url(u, why, "a path with an escaped NUL is refused with 400");
	memmove(r->path_bytes, path.p, path.n);
	memcpy(r->path_bytes + path.n, r->sent.p + len, r->sent.n - len);
	r->path = span_of(r->path_bytes, path.n + r->sent.n - len);
	r->path_len = path.n;
	return true;
}

/* The fragment stays with the client; an empty path is sent as "/". */
static bool read_path(struct explain_request *r, const struct url *u, struct text *why)
{
	size_t n = strcspn(u->rest, "#");

	if (has_control(u->rest, n, true))
		return bad_url(u, why,
			       "blanks and control characters are written as %20 and so on");
	n = (size_t)snprintf(r->sent_bytes, sizeof(r->sent_bytes), "%s%.*s",
			     u->rest[0] == '/' ? "" : "/", (int)n, u->rest);
	r->sent = span_of(r->sent_bytes, n);
	return true;
}

static bool read_url(struct explain_request *r, const char *text, enum path_normalization kind,
		     struct text *why)
{
	struct url u = {.text = text};
	const char *p;

	if (!text || !*text) {
		text_puts(why, "url is missing: http://HOST[:PORT]/PATH\n");
		return false;
	}
	if (strlen(text) > EXPLAIN_URL_MAX - 8)
		return bad_url(&u, why, "it is too long");
	p = skip_scheme(&u, why);
	return p && split_authority(&u, p, why) && read_port(r, &u, why) && read_host(r, &u, why) &&
	       read_path(r, &u, why) && normalize(r, &u, kind, why);
}

/* ---- the rest ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trimmed(const char *p)
{
	size_t n = strlen(p);

	for (; n > 0 && is_blank(*p); n--)
		p++;
	while (n > 0 && is_blank(p[n - 1]))
		n--;
	return span_of(p, n);
}

static bool read_field(struct explain_request *r, const char *line, struct text *why, bool *host)
{
	const char *colon = strchr(line, ':');
	struct explain_field *f = &r->fields[r->n_fields];

	if (!colon || !is_token(line, (size_t)(colon - line)))
		return refuse(why, "header", line, strlen(line), "write it as NAME: VALUE");
	f->name = span_of(line, (size_t)(colon - line));
	f->value = trimmed(colon + 1);
	if (has_control(f->value.p, f->value.n, false))
		return refuse(why, "header", line, strlen(line), "control characters are refused");
	if (r->n_fields++ == EXPLAIN_FIELDS_MAX - 1)
		return refuse(why, "header", line, strlen(line), "there are too many headers");
	if (!span_eq_nocase(f->name, host_name))
		return true;
	if (*host)
		return refuse(why, "header", line, strlen(line), "Host is there twice");
	*host = true;
	r->authority = f->value;
	return true;
}

static bool read_fields(struct explain_request *r, const struct query *q, struct text *why)
{
	bool host = false;

	for (size_t i = 0; i < q->n; i++) {
		const struct query_arg *a = &q->args[i];

		if (strcmp(a->key, "header") == 0 &&
		    !read_field(r, a->value ? a->value : "", why, &host))
			return false;
	}
	return true;
}

static bool read_address(const struct query *q, const char *key, bool *has, struct ip_addr *out,
			 struct text *why)
{
	const char *text = query_get(q, key);

	if (!query_has(q, key))
		return true;
	*has = text && read_ip(span_of(text, strlen(text)), out);
	return *has ||
	       refuse(why, key, text ? text : "", text ? strlen(text) : 0, "that is no IP address");
}

bool explain_request_read(struct explain_request *r, const struct query *q,
			  enum path_normalization kind, struct text *why)
{
	const char *method = query_get(q, "method");

	r->n_fields = 0;
	r->has_to = r->has_from = false;
	r->method = method ? span_of(method, strlen(method)) : span_of("GET", 3);
	if (q->full) {
		text_puts(why, "there are too many arguments\n");
		return false;
	}
	if (!is_token(r->method.p, r->method.n))
		return refuse(why, "method", r->method.p, r->method.n, "that is no method");
	return read_url(r, query_get(q, "url"), kind, why) && read_fields(r, q, why) &&
	       read_address(q, "from", &r->has_from, &r->from, why) &&
	       read_address(q, "to", &r->has_to, &r->to, why);
}
