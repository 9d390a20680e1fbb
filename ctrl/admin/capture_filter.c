/* capture_filter.c - words, one after the other; a table for those that stand by themselves. */
#include "capture_filter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 63

struct parser {
	struct capture_filter *f;
	const struct node_config *node;
	const char *p;
	char word[WORD_MAX + 1]; /* the current one; "" at the end */
	char *err;
	size_t err_len;
};

static const struct {
	const char *word;
	enum capture_kind kind;
	uint16_t value;
	bool negate;
} plain[] = {
	{"ip", CAPTURE_ETHERTYPE, 0x0800, false},
	{"ip6", CAPTURE_ETHERTYPE, 0x86dd, false},
	{"arp", CAPTURE_ETHERTYPE, 0x0806, false},
	{"tcp", CAPTURE_PROTOCOL, 6, false},
	{"udp", CAPTURE_PROTOCOL, 17, false},
	{"icmp", CAPTURE_PROTOCOL, 1, false},
	{"icmp6", CAPTURE_PROTOCOL, 58, false},
	{"out", CAPTURE_OUT, 0, false},
	{"in", CAPTURE_OUT, 0, true},
};

__attribute__((format(printf, 2, 3))) static bool fail(struct parser *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->err, x->err_len, fmt, ap);
	va_end(ap);
	return false;
}

static bool next(struct parser *x)
{
	size_t n;

	x->p += strspn(x->p, " \t");
	n = strcspn(x->p, " \t");
	if (n > WORD_MAX)
		return fail(x, "a word of the filter is longer than %d bytes", WORD_MAX);
	memcpy(x->word, x->p, n);
	x->word[n] = '\0';
	x->p += n;
	return true;
}

static bool is(const struct parser *x, const char *word)
{
	return strcmp(x->word, word) == 0;
}

static bool number(struct parser *x, const char *what, long most, uint16_t *out)
{
	char *end;
	long v = strtol(x->word, &end, 10);

	if (x->word[0] < '0' || x->word[0] > '9' || *end || v > most)
		return fail(x, "\"%s\" is no %s: a number up to %ld is expected", x->word, what,
			    most);
	*out = (uint16_t)v;
	return true;
}

/* With a length: a network; without: a host. */
static bool prefix(struct parser *x, bool with_len, struct ip_prefix *out)
{
	char *slash = strchr(x->word, '/'), *end = NULL;
	long len = 0;
	bool ok;

	if (slash) {
		*slash = '\0';
		len = strtol(slash + 1, &end, 10);
	}
	ok = ip_addr_parse(x->word, &out->ip) && with_len == (slash != NULL);
	if (ok && slash)
		ok = slash[1] >= '0' && slash[1] <= '9' && !*end &&
		     len <= (ip_addr_is_v4(&out->ip) ? 32 : 128);
	if (slash)
		*slash = '/';
	if (!ok)
		return fail(x, "\"%s\" is no %s", x->word,
			    with_len ? "network such as 198.18.0.0/24" : "IP address");
	out->len = (uint8_t)(!slash ? 128 : ip_addr_is_v4(&out->ip) ? len + 96 : len);
	return true;
}

static bool interface(struct parser *x, uint16_t *out)
{
	const struct dataplane_config *dp = &x->node->dataplane;

	for (unsigned i = 0; i < dp->n_ifaces; i++) {
		if (!is(x, dp->ifaces[i].name))
			continue;
		*out = (uint16_t)i;
		return true;
	}
	return fail(x, "there is no interface \"%s\"", x->word);
}

/* What follows the word that names it. */
static bool operand(struct parser *x, const char *kind, struct capture_term *t)
{
	if (!next(x))
		return false;
	if (!x->word[0])
		return fail(x, "something is missing after \"%s\"", kind);
	if (strcmp(kind, "host") == 0)
		return prefix(x, false, &t->prefix);
	if (strcmp(kind, "net") == 0)
		return prefix(x, true, &t->prefix);
	if (strcmp(kind, "port") == 0)
		return number(x, "port", 65535, &t->value);
	if (strcmp(kind, "proto") == 0)
		return number(x, "protocol", 255, &t->value);
	return interface(x, &t->value);
}

static bool primitive(struct parser *x, struct capture_term *t)
{
	static const struct {
		const char *word;
		enum capture_kind kind;
		bool sided;
	} kinds[] = {
		{"host", CAPTURE_NET, true},
		{"net", CAPTURE_NET, true},
		{"port", CAPTURE_PORT, true},
		{"proto", CAPTURE_PROTOCOL, false},
		{"interface", CAPTURE_INTERFACE, false},
	};

	if (is(x, "src") || is(x, "dst")) {
		t->side = is(x, "src") ? CAPTURE_SRC : CAPTURE_DST;
		if (!next(x))
			return false;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!is(x, kinds[i].word) || (t->side != CAPTURE_EITHER && !kinds[i].sided))
			continue;
		t->kind = kinds[i].kind;
		return operand(x, kinds[i].word, t);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (!is(x, plain[i].word) || t->side != CAPTURE_EITHER)
			continue;
		t->kind = plain[i].kind;
		t->value = plain[i].value;
		t->negate ^= plain[i].negate;
		return true;
	}
	return fail(x, x->word[0] ? "\"%s\" is not understood here" : "the filter ends too early%s",
		    x->word);
}

/* Reads one term and moves on to the word behind it. */
static bool term(struct parser *x)
{
	struct capture_term *t = &x->f->terms[x->f->n];

	if (x->f->n == CAPTURE_TERMS_MAX)
		return fail(x, "the filter has more than %d terms", CAPTURE_TERMS_MAX);
	memset(t, 0, sizeof(*t));
	if (is(x, "not")) {
		t->negate = true;
		if (!next(x))
			return false;
	}
	if (!primitive(x, t) || !next(x))
		return false;
	x->f->n++;
	return true;
}

bool capture_filter_parse(struct capture_filter *f, const char *text,
			  const struct node_config *node, char *err, size_t err_len)
{
	struct parser x = {.f = f, .node = node, .p = text, .err = err, .err_len = err_len};
	bool more;

	f->n = 0;
	if (!next(&x))
		return false;
	more = x.word[0] != '\0';
	while (more) {
		bool joined;

		if (!term(&x))
			return false;
		joined = is(&x, "and") || is(&x, "or");
		more = x.word[0] != '\0';
		f->terms[f->n - 1].last = !more || is(&x, "or");
		if (joined && !next(&x))
			return false;
	}
	return true;
}
