/* authority.c - checks an authority without looking it up. */
#include <http/authority.h>

#include <arpa/inet.h>

#include <http/chars.h>

#define PORT_MAX 65535

/* Bytes of the reg-name at the head of s; a "%" must be followed by two hex digits. */
static uint32_t reg_name(struct slice s)
{
	const char *p = s.p, *end = s.p + s.n;

	for (;;) {
		while (p < end && http_char_is(*p, CHAR_REG_NAME))
			p++;
		if (end - p < 3 || p[0] != '%' || !http_char_is(p[1], CHAR_HEX) ||
		    !http_char_is(p[2], CHAR_HEX))
			return (uint32_t)(p - s.p);
		p += 3;
	}
}

/* Bytes of the "[IPv6address]" at the head of s, 0 when it is not one. */
static uint32_t ip_literal(struct slice s)
{
	const char *close = memchr(s.p, ']', s.n);
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	size_t n;

	if (!close)
		return 0;
	n = (size_t)(close - s.p) - 1;
	if (n >= sizeof(text) || memchr(s.p, 0, n + 1))
		return 0;
	memcpy(text, s.p + 1, n);
	text[n] = '\0';
	return inet_pton(AF_INET6, text, &addr) == 1 ? (uint32_t)n + 2 : 0;
}

static bool port_valid(struct slice s)
{
	uint32_t port = 0;

	for (uint32_t i = 0; i < s.n; i++) {
		if (!http_char_is(s.p[i], CHAR_DIGIT))
			return false;
		port = port * 10 + (uint32_t)(s.p[i] - '0');
		if (port > PORT_MAX)
			return false;
	}
	return true;
}

/* Bytes of the host, 0 when there is no valid one. */
static uint32_t host_length(struct slice s)
{
	return s.n && s.p[0] == '[' ? ip_literal(s) : reg_name(s);
}

bool http_authority_valid(struct slice s)
{
	uint32_t n = host_length(s);

	if (n == 0)
		return false;
	if (n == s.n)
		return true;
	return s.p[n] == ':' && port_valid(slice_of(s.p + n + 1, s.n - n - 1));
}

bool http_authority_has_port(struct slice s)
{
	return http_authority_valid(s) && host_length(s) + 1 < s.n;
}
