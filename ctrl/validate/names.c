/* names.c - predicates over names; no messages but what is wrong with a host. */
#include <validate/names.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weir/addr.h>

#define LABEL_MAX     63
#define HOST_MAX      255
#define SUBDOMAIN_MAX 253

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool name_is_label(const char *s, size_t len)
{
	size_t i;

	if (len == 0 || len > LABEL_MAX || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
		return false;
	for (i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool has_upper(const char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			return true;
	return false;
}

bool name_is_dns_label(const char *s)
{
	return name_is_label(s, strlen(s)) && !has_upper(s);
}

bool name_is_dns_subdomain(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > SUBDOMAIN_MAX || has_upper(s))
		return false;
	for (;;) {
		size_t n = strcspn(s, ".");

		if (!name_is_label(s, n))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

static bool all_digits(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return n > 0;
}

/* "*", "*-abc" or "*abc" */
static bool is_wildcard_label(const char *s, size_t n)
{
	if (n == 0 || s[0] != '*')
		return false;
	if (n == 1)
		return true;
	return s[1] == '-' ? name_is_label(s + 2, n - 2) : name_is_label(s + 1, n - 1);
}

const char *name_host_problem(const char *host)
{
	const char *label = host;
	size_t len = strlen(host), n;

	if (len == 0)
		return "it is empty";
	if (len > HOST_MAX)
		return "it is longer than 255 bytes";
	if (name_is_ip(host))
		return "an IP address is not allowed here";
	for (;;) {
		bool last;

		n = strcspn(label, ".");
		last = !label[n] || !label[n + 1]; /* one trailing dot is allowed */
		if (!name_is_label(label, n) && !(label == host && is_wildcard_label(label, n)))
			return strchr(label, '*') ? "only the first label may have a wildcard, "
						    "at its start"
						  : "its labels must be 1 to 63 letters, digits "
						    "and inner dashes";
		if (last)
			break;
		label += n + 1;
	}
	return all_digits(label, n) ? "its last label is a number" : NULL;
}

const char *name_fqdn_problem(const char *host)
{
	return name_is_wildcard(host) ? "a wildcard is not allowed here" : name_host_problem(host);
}

bool name_is_wildcard(const char *host)
{
	return host[0] == '*';
}

bool name_is_partial_wildcard(const char *host)
{
	return host[0] == '*' && host[1] && host[1] != '.';
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcasecmp(s + n - m, suffix) == 0;
}

bool name_covers(const char *pattern, const char *host)
{
	if (!name_is_wildcard(pattern))
		return strcasecmp(pattern, host) == 0;
	if (!name_is_wildcard(host))
		return strlen(host) > strlen(pattern + 1) && ends_with(host, pattern + 1);
	return ends_with(host + 1, pattern + 1);
}

bool name_overlaps(const char *a, const char *b)
{
	return name_covers(a, b) || name_covers(b, a);
}

bool name_is_ip(const char *s)
{
	struct ip_addr ip;

	return ip_addr_parse(s, &ip);
}

bool name_is_ip_or_cidr(const char *s, bool *cidr)
{
	const char *slash = strchr(s, '/');
	char ip[IP_ADDR_STRLEN];
	char *end;
	long bits, most;

	*cidr = false;
	if (!slash)
		return name_is_ip(s);
	if ((size_t)(slash - s) >= sizeof(ip) || !isdigit((unsigned char)slash[1]))
		return false;
	memcpy(ip, s, (size_t)(slash - s));
	ip[slash - s] = '\0';
	most = strchr(ip, ':') ? 128 : 32;
	bits = strtol(slash + 1, &end, 10);
	*cidr = bits != most;
	return !*end && bits <= most && name_is_ip(ip);
}

/* [A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])? */
static bool is_label_word(const char *s)
{
	size_t len = strlen(s), i;

	if (len == 0 || len > LABEL_MAX || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
		return false;
	for (i = 0; i < len; i++)
		if (!is_alnum(s[i]) && !strchr("-_.", s[i]))
			return false;
	return true;
}

bool name_is_label_key(const char *s)
{
	const char *slash = strchr(s, '/');
	char prefix[SUBDOMAIN_MAX + 1];
	size_t n;

	if (!slash)
		return is_label_word(s);
	n = (size_t)(slash - s);
	if (n >= sizeof(prefix))
		return false;
	memcpy(prefix, s, n);
	prefix[n] = '\0';
	return name_is_dns_subdomain(prefix) && is_label_word(slash + 1);
}

bool name_is_label_value(const char *s)
{
	return !*s || is_label_word(s);
}

bool name_is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!is_alnum(*s) && !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	return true;
}

bool name_is_pseudo_header(const char *s)
{
	static const char *const names[] = {":method", ":authority", ":path", ":scheme"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], s) == 0)
			return true;
	return false;
}
