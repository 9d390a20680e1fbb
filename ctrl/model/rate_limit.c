/* rate_limit.c - owns the syntax of weir.io/rate-limit: "reviews=100/s burst=20; *=1000/m". */
#include <model/schema.h>

#include <ctype.h>
#include <string.h>

#include <common/nearest.h>

#define COUNT_MAX 10000000ull
#define YEAR_US   (365 * 24 * 3600 * 1000000ull)

#define BLANKS " \t\n"

static const struct {
	const char *name;
	uint64_t us;
} units[] = {
	{"s", 1000000ull},
	{"m", 60 * 1000000ull},
	{"h", 3600 * 1000000ull},
};

/* One list while it is read. */
struct rates {
	struct decoder *dec;
	const struct yaml_node *node;
	struct rate_setting *items;
	uint32_t n;
};

static bool refuse(struct rates *r, const char *what, const char *word, const char *why)
{
	decode_error(r->dec, DIAG_RATE_LIMIT, r->node, "%s \"%.80s\": %s", what, word, why);
	return false;
}

/* The whole of text, or -1. */
static int64_t number(const char *text)
{
	uint64_t v = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text) || v > COUNT_MAX)
			return -1;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	return v >= 1 && v <= COUNT_MAX ? (int64_t)v : -1;
}

static bool parse_rate(struct rates *r, char *text, struct rate_setting *out)
{
	char *slash = strchr(text, '/');
	const char *unit = slash ? slash + 1 : "";
	int64_t count;

	if (!slash)
		return refuse(r, "rate", text,
			      "write a number of requests and a unit, as in 100/s");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, unit) == 0)
			out->unit_us = units[i].us;
	if (!out->unit_us)
		return refuse(r, "unit", unit, "rates are per s, m or h");
	*slash = '\0';
	count = number(text);
	if (count < 0)
		return refuse(r, "rate", text, "must be a whole number from 1 to 10000000");
	out->count = out->burst = (uint64_t)count;
	return true;
}

static bool parse_option(struct rates *r, char *word, struct rate_setting *out)
{
	char *value = strchr(word, '=');
	const char *near;
	int64_t burst;

	if (value)
		*value++ = '\0';
	if (strcmp(word, "burst") != 0) {
		near = nearest_pick(word, NULL, "burst");
		return refuse(r, "option", word,
			      near ? "did you mean burst=N?" : "burst=N is the only one");
	}
	burst = number(value ? value : "");
	if (burst < 0)
		return refuse(r, "burst", value ? value : "",
			      "must be a whole number from 1 to 10000000");
	out->burst = (uint64_t)burst;
	return true;
}

/* What one entry says after its name. */
static bool parse_entry(struct rates *r, char *text, struct rate_setting *out)
{
	char *rest, *word = strtok_r(text, BLANKS, &rest);

	if (!word)
		return refuse(r, "rate", "", "there is none: write a list such as NAME=100/s");
	if (!parse_rate(r, word, out))
		return false;
	while ((word = strtok_r(NULL, BLANKS, &rest)) != NULL)
		if (!parse_option(r, word, out))
			return false;
	if (out->burst > out->count * (YEAR_US / out->unit_us))
		return refuse(r, "burst",
			      arena_printf(r->dec->arena, "%llu", (unsigned long long)out->burst),
			      "it takes more than a year to refill at this rate");
	return true;
}

static bool same_name(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, BLANKS);
	for (n = strlen(s); n > 0 && strchr(BLANKS, s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

/* Takes "NAME=" off the front of an entry; NULL: it is for everything. Names may have any letters,
 * so a name is what has a rate behind its "=". */
static const char *cut_name(char **text)
{
	char *equals = strchr(*text, '='), *name;
	const char *rate = equals ? equals + 1 + strspn(equals + 1, BLANKS) : "";

	if (!memchr(rate, '/', strcspn(rate, BLANKS)))
		return NULL;
	*equals = '\0';
	name = trim(*text);
	*text = equals + 1;
	return strcmp(name, "*") == 0 ? NULL : name;
}

static void add_entry(struct rates *r, char *text)
{
	struct rate_setting s = {.name = cut_name(&text)};

	if (s.name && !*s.name) {
		refuse(r, "rule", "",
		       "a rule without name cannot be limited: give it one, or use *");
		return;
	}
	for (uint32_t i = 0; i < r->n; i++)
		if (same_name(r->items[i].name, s.name)) {
			refuse(r, "rule", s.name ? s.name : "*", "it has a limit already");
			return;
		}
	if (parse_entry(r, text, &s))
		r->items[r->n++] = s;
}

static void decode_rates(struct decoder *dec, const struct yaml_node *node,
			 struct rate_settings *out)
{
	struct rates r = {.dec = dec, .node = node};
	const char *text;
	char *copy, *next;
	uint32_t n = 1;

	if (!decode_string(dec, node, &text))
		return;
	for (const char *p = text; *p; p++)
		n += *p == ';';
	r.items = arena_array(dec->arena, n, sizeof(*r.items));
	copy = arena_strdup(dec->arena, text);
	/* One ";" behind the last entry is fine. */
	for (char *entry = copy; entry; entry = next) {
		next = strchr(entry, ';');
		if (next)
			*next++ = '\0';
		if (entry == copy || next || entry[strspn(entry, BLANKS)])
			add_entry(&r, entry);
	}
	*out = (struct rate_settings){r.n, r.items};
}

void decode_rule_rates(struct decoder *dec, const struct yaml_node *node, void *out)
{
	decode_rates(dec, node, &((struct virtual_service *)out)->rates);
}

void decode_gateway_rate(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct gateway *gw = out;

	decode_rates(dec, node, &gw->rates);
	for (uint32_t i = 0; i < gw->rates.n; i++)
		if (gw->rates.items[i].name)
			decode_error(dec, DIAG_RATE_LIMIT_NAME, node,
				     "a Gateway has one limit, for all that comes through it: name "
				     "\"%.80s\" on the VirtualService whose rule it is",
				     gw->rates.items[i].name);
}

const struct rate_setting *rate_setting_for(const struct rate_settings *s, const char *name)
{
	const struct rate_setting *all = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		if (!s->items[i].name)
			all = &s->items[i];
		else if (name && strcmp(s->items[i].name, name) == 0)
			return &s->items[i];
	}
	return all;
}
