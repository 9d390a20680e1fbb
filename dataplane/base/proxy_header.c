/* proxy_header.c - owns both forms: the line of version 1 and the block of version 2. */
#include <base/proxy_header.h>

/* Version 1. */
#define V1_PREFIX "PROXY "
#define V1_MAX    107 /* CR LF included */

/* Version 2: a signature, then bytes at these places, then addresses and TLVs. */
#define COMMAND_AT    12
#define FAMILY_AT     13
#define LENGTH_AT     14
#define FIXED_LEN     16
#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21
#define FAMILY_UNSPEC 0x00
#define FAMILY_TCP4   0x11
#define FAMILY_TCP6   0x21
#define TCP4_LEN      12u /* two addresses, two ports */
#define TCP6_LEN      36u

static const uint8_t signature[COMMAND_AT] = {'\r', '\n', '\r', '\n', 0,   '\r',
					      '\n', 'Q',  'U',  'I',  'T', '\n'};

static_assert(V1_MAX >= FIXED_LEN + TCP6_LEN, "a line is the most that parsing looks at");
static_assert(PROXY_HEADER_WRITE_MAX >= V1_MAX + 1, "and that writing writes, with a NUL");

static bool begins_like(const uint8_t *p, uint32_t n, const void *what, uint32_t len)
{
	return memcmp(p, what, n < len ? n : len) == 0;
}

/* ---- reading version 1 ---- */

struct cursor {
	const char *p, *end;
};

/* The next word, up to the space behind it, which is taken, too, or to the end, if it is the last
 * one. False when it is empty, does not fit into buf, or would be shorter there. */
static bool take_word(struct cursor *c, char *buf, size_t size, bool last)
{
	size_t left = (size_t)(c->end - c->p), len;
	const char *space = memchr(c->p, ' ', left);

	len = space ? (size_t)(space - c->p) : left;
	if (len == 0 || len >= size || last == (space != NULL) || memchr(c->p, '\0', len))
		return false;
	memcpy(buf, c->p, len);
	buf[len] = '\0';
	c->p += len + !last;
	return true;
}

static bool take_address(struct cursor *c, bool v6, struct ip_addr *out)
{
	char text[INET6_ADDRSTRLEN];

	return take_word(c, text, sizeof(text), false) && (strchr(text, ':') != NULL) == v6 &&
	       ip_addr_parse(text, out);
}

/* Decimal; leading zeros are not permitted, so that nobody takes it for octal. */
static bool take_port(struct cursor *c, bool last, uint16_t *out)
{
	uint32_t v = 0;
	char text[6];

	if (!take_word(c, text, sizeof(text), last) || (text[0] == '0' && text[1]))
		return false;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (uint32_t)(*p - '0');
	}
	*out = (uint16_t)v;
	return v <= UINT16_MAX;
}

/* What is between the prefix and CR LF. */
static bool parse_line(struct cursor c, struct proxy_header *h)
{
	bool unknown = c.end - c.p >= 7 && memcmp(c.p, "UNKNOWN", 7) == 0;
	char family[5];

	/* The rest of such a line is to be ignored. */
	if (unknown && (c.end - c.p == 7 || c.p[7] == ' '))
		return true;
	if (!take_word(&c, family, sizeof(family), false) || memcmp(family, "TCP", 3) != 0 ||
	    (family[3] != '4' && family[3] != '6'))
		return false;
	h->has_addresses = true;
	return take_address(&c, family[3] == '6', &h->source.ip) &&
	       take_address(&c, family[3] == '6', &h->destination.ip) &&
	       take_port(&c, false, &h->source.port) && take_port(&c, true, &h->destination.port);
}

static int parse_v1(const uint8_t *p, uint32_t n, struct proxy_header *h)
{
	const uint8_t *lf = memchr(p, '\n', n < V1_MAX ? n : V1_MAX);
	const uint32_t prefix = sizeof(V1_PREFIX) - 1;

	if (!lf)
		return n < V1_MAX ? 0 : PROXY_HEADER_LONG;
	if (lf - p <= (ptrdiff_t)prefix || lf[-1] != '\r')
		return PROXY_HEADER_BROKEN;
	if (!parse_line((struct cursor){(const char *)p + prefix, (const char *)lf - 1}, h))
		return PROXY_HEADER_BROKEN;
	return (int)(lf - p) + 1;
}

/* ---- reading version 2 ---- */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void get_v4(const uint8_t *p, struct proxy_header *h)
{
	uint32_t a[2];

	memcpy(a, p, sizeof(a));
	h->source = (struct net_addr){ip_addr_v4(a[0]), get16(p + 8)};
	h->destination = (struct net_addr){ip_addr_v4(a[1]), get16(p + 10)};
	h->has_addresses = true;
}

static void get_v6(const uint8_t *p, struct proxy_header *h)
{
	memcpy(h->source.ip.b, p, 16);
	memcpy(h->destination.ip.b, p + 16, 16);
	h->source.port = get16(p + 32);
	h->destination.port = get16(p + 34);
	h->has_addresses = true;
}

/* Length of the addresses, or an error. */
static int address_len(uint8_t command, uint8_t family)
{
	if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
		return PROXY_HEADER_BROKEN;
	/* Of a LOCAL connection, and of an unknown one, what follows is to be ignored. */
	if (command == COMMAND_LOCAL || family == FAMILY_UNSPEC)
		return 0;
	if (family == FAMILY_TCP4)
		return TCP4_LEN;
	return family == FAMILY_TCP6 ? (int)TCP6_LEN : PROXY_HEADER_UNSUPPORTED;
}

static int parse_v2(const uint8_t *p, uint32_t n, struct proxy_header *h)
{
	int addresses;
	uint32_t len;

	if (n < FIXED_LEN)
		return 0;
	addresses = address_len(p[COMMAND_AT], p[FAMILY_AT]);
	if (addresses < 0)
		return addresses;
	len = get16(p + LENGTH_AT);
	if (len < (uint32_t)addresses)
		return PROXY_HEADER_BROKEN;
	if (FIXED_LEN + len > PROXY_HEADER_READ_MAX)
		return PROXY_HEADER_LONG;
	if (n < FIXED_LEN + (uint32_t)addresses)
		return 0;
	if (addresses == TCP4_LEN)
		get_v4(p + FIXED_LEN, h);
	else if (addresses == TCP6_LEN)
		get_v6(p + FIXED_LEN, h);
	return (int)(FIXED_LEN + len);
}

/* ---- reading ---- */

int proxy_header_parse(const uint8_t *p, uint32_t n, struct proxy_header *h)
{
	*h = (struct proxy_header){.has_addresses = false};
	if (n == 0)
		return 0;
	if (begins_like(p, n, V1_PREFIX, sizeof(V1_PREFIX) - 1))
		return parse_v1(p, n, h);
	if (begins_like(p, n, signature, sizeof(signature)))
		return parse_v2(p, n, h);
	return PROXY_HEADER_ABSENT;
}

int proxy_header_read(const struct mbq *q, struct proxy_header *h)
{
	uint8_t start[V1_MAX];
	uint32_t n = 0;
	int len;

	for (struct rte_mbuf *m = q->head; m && n < sizeof(start); m = pkt_priv(m)->next) {
		uint32_t part = RTE_MIN(m->data_len, (uint32_t)sizeof(start) - n);

		memcpy(start + n, rte_pktmbuf_mtod(m, const uint8_t *), part);
		n += part;
	}
	len = proxy_header_parse(start, n, h);
	return len > 0 && (uint32_t)len > q->bytes ? 0 : len;
}

/* ---- writing ---- */

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void format_address(const struct net_addr *a, bool v4, char out[INET6_ADDRSTRLEN])
{
	struct ip_addr shown = ip_addr_shown(&a->ip);

	inet_ntop(v4 ? AF_INET : AF_INET6, shown.b + (v4 ? 12 : 0), out, INET6_ADDRSTRLEN);
}

static uint32_t write_v1(uint8_t *out, bool v4, const struct net_addr *src,
			 const struct net_addr *dst)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	format_address(src, v4, from);
	format_address(dst, v4, to);
	return (uint32_t)snprintf((char *)out, PROXY_HEADER_WRITE_MAX,
				  V1_PREFIX "%s %s %s %u %u\r\n", v4 ? "TCP4" : "TCP6", from, to,
				  src->port, dst->port);
}

static uint32_t write_v2(uint8_t *out, bool v4, const struct net_addr *src,
			 const struct net_addr *dst)
{
	struct ip_addr from = ip_addr_shown(&src->ip), to = ip_addr_shown(&dst->ip);
	uint32_t skip = v4 ? 12 : 0, len = 16 - skip;
	uint8_t *p = out + FIXED_LEN;

	memcpy(out, signature, sizeof(signature));
	out[COMMAND_AT] = COMMAND_PROXY;
	out[FAMILY_AT] = v4 ? FAMILY_TCP4 : FAMILY_TCP6;
	put16(out + LENGTH_AT, v4 ? TCP4_LEN : TCP6_LEN);
	memcpy(p, from.b + skip, len);
	memcpy(p + len, to.b + skip, len);
	put16(p + 2 * len, src->port);
	put16(p + 2 * len + 2, dst->port);
	return FIXED_LEN + 2 * len + 4;
}

uint32_t proxy_header_write(uint8_t out[PROXY_HEADER_WRITE_MAX], unsigned version,
			    const struct net_addr *source, const struct net_addr *destination)
{
	bool v4 = ip_addr_is_v4(&source->ip) && ip_addr_is_v4(&destination->ip);

	if (version == 2)
		return write_v2(out, v4, source, destination);
	return write_v1(out, v4, source, destination);
}
