/* regex.c - a parser of RE2's grammar that builds nothing.
 *
 * One pass over the pattern with a stack of open groups, as in RE2's own parser: what an
 * operator repeats is whatever stands on top of that stack, and repetitions of repetitions
 * are limited by their product. */
#include <validate/regex.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <validate/regex_classes.h>

#define REPEAT_MAX 1000u
#define NAMES_MAX  64
#define RUNE_MAX   0x10ffffu

/* A group that is open, or the pattern itself. */
struct group {
	bool has_item;    /* something that an operator can repeat stands before */
	uint32_t repeats; /* product of nested repetitions of that item */
	uint32_t most;    /* the largest such product in this group */
};

struct parser {
	const char *start, *s;
	const char *problem;
	bool after_repeat; /* the last thing was a repetition operator */
	unsigned depth;
	struct group groups[REGEX_MAX + 1];
	unsigned n_captures;
	unsigned n_names;
	const char *names[NAMES_MAX];
	size_t name_lens[NAMES_MAX];
};

static bool fail(struct parser *p, const char *problem)
{
	if (!p->problem)
		p->problem = problem;
	return false;
}

static struct group *top(struct parser *p)
{
	return &p->groups[p->depth];
}

static void push_item(struct parser *p, uint32_t repeats)
{
	struct group *g = top(p);

	g->has_item = true;
	g->repeats = repeats;
	if (repeats > g->most)
		g->most = repeats;
	p->after_repeat = false;
}

/* ---- characters ---- */

/* Length of the UTF-8 character at s; 0 when it is none. */
static size_t utf8_len(const char *text, uint32_t *rune)
{
	static const uint32_t first[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	size_t n, i;

	if (s[0] < 0x80) {
		*rune = s[0];
		return 1;
	}
	n = s[0] >= 0xf0 && s[0] < 0xf8 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	if (s[0] >= 0xf8)
		n = 0;
	*rune = n ? s[0] & (0x7fu >> n) : 0;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*rune = *rune << 6 | (s[i] & 0x3f);
	}
	if (!n || *rune < first[n] || *rune > RUNE_MAX || (*rune >= 0xd800 && *rune < 0xe000))
		return 0;
	return n;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After "\x": two digits, or any number in braces. */
static bool parse_hex(struct parser *p, uint32_t *rune)
{
	const char *problem = "\\x needs two hexadecimal digits or {...}";
	unsigned i;

	*rune = 0;
	if (*p->s != '{') {
		for (i = 0; i < 2; i++, p->s++) {
			if (hex_value(*p->s) < 0)
				return fail(p, problem);
			*rune = *rune * 16 + (uint32_t)hex_value(*p->s);
		}
		return true;
	}
	p->s++;
	if (hex_value(*p->s) < 0)
		return fail(p, problem);
	for (; hex_value(*p->s) >= 0; p->s++) {
		*rune = *rune * 16 + (uint32_t)hex_value(*p->s);
		if (*rune > RUNE_MAX)
			return fail(p, "there is no such character");
	}
	if (*p->s != '}')
		return fail(p, problem);
	p->s++;
	return true;
}

/* After the backslash: an escape that stands for one character. */
static bool parse_escape(struct parser *p, uint32_t *rune)
{
	static const char letters[] = "aftnrv", values[] = "\a\f\t\n\r\v";
	char c = *p->s;
	const char *found;
	unsigned i;

	if (!c)
		return fail(p, "the pattern ends in a backslash");
	p->s++;
	if (c >= '1' && c <= '7' && !is_octal(*p->s))
		return fail(p, "back-references are not RE2");
	if (is_octal(c)) {
		*rune = (uint32_t)(c - '0');
		for (i = 0; i < 2 && is_octal(*p->s); i++)
			*rune = *rune * 8 + (uint32_t)(*p->s++ - '0');
		return true;
	}
	if (c == 'x')
		return parse_hex(p, rune);
	found = strchr(letters, c);
	if (found) {
		*rune = (unsigned char)values[found - letters];
		return true;
	}
	if ((unsigned char)c >= 0x80 || isalnum((unsigned char)c))
		return fail(p, "this escape is not RE2");
	*rune = (unsigned char)c;
	return true;
}

static bool parse_plain(struct parser *p, uint32_t *rune)
{
	size_t n = utf8_len(p->s, rune);

	if (!n)
		return fail(p, "the pattern is not UTF-8");
	p->s += n;
	return true;
}

/* "\pL", "\P{Greek}", "\p{^Greek}" at p->s; *is says whether it was one. */
static bool parse_unicode_class(struct parser *p, bool *is)
{
	const char *name = p->s + 2, *end;
	size_t n;
	uint32_t rune;

	*is = p->s[0] == '\\' && (p->s[1] == 'p' || p->s[1] == 'P');
	if (!*is)
		return true;
	if (*name == '{') {
		name++;
		end = strchr(name, '}');
		if (!end)
			return fail(p, "\\p{ has no closing brace");
		p->s = end + 1;
	} else {
		n = *name ? utf8_len(name, &rune) : 0;
		if (!n)
			return fail(p, "\\p needs the name of a class");
		end = name + n;
		p->s = end;
	}
	if (name < end && *name == '^')
		name++;
	if (!regex_class_exists(name, (size_t)(end - name)))
		return fail(p, "there is no such Unicode class");
	return true;
}

static bool is_perl_class(const char *s)
{
	return s[0] == '\\' && s[1] && strchr("dDsSwW", s[1]);
}

/* ---- [...] ---- */

static bool parse_class_char(struct parser *p, uint32_t *rune)
{
	if (!*p->s)
		return fail(p, "[ has no closing ]");
	if (*p->s != '\\')
		return parse_plain(p, rune);
	p->s++;
	return parse_escape(p, rune);
}

/* "[:alpha:]" at p->s; not being one is no error, an unknown name is. */
static bool parse_posix_class(struct parser *p, bool *is)
{
	const char *end = strncmp(p->s, "[:", 2) == 0 ? strstr(p->s + 2, ":]") : NULL;
	const char *name = p->s + 2;

	*is = end != NULL;
	if (!end)
		return true;
	if (name < end && *name == '^')
		name++;
	if (!regex_posix_exists(name, (size_t)(end - name)))
		return fail(p, "there is no such class between [: and :]");
	p->s = end + 2;
	return true;
}

static bool parse_class_range(struct parser *p)
{
	uint32_t low = 0, high = 0;

	if (!parse_class_char(p, &low))
		return false;
	if (p->s[0] != '-' || p->s[1] == ']' || !p->s[1])
		return true;
	p->s++;
	if (!parse_class_char(p, &high))
		return false;
	return low <= high || fail(p, "the range in [...] runs backwards");
}

static bool parse_class(struct parser *p)
{
	bool first = true, is;

	p->s++;
	if (*p->s == '^')
		p->s++;
	for (; *p->s != ']' || first; first = false) {
		if (!*p->s)
			return fail(p, "[ has no closing ]");
		if (is_perl_class(p->s)) {
			p->s += 2;
			continue;
		}
		if (!parse_posix_class(p, &is))
			return false;
		if (is)
			continue;
		if (!parse_unicode_class(p, &is))
			return false;
		if (!is && !parse_class_range(p))
			return false;
	}
	p->s++;
	push_item(p, 1);
	return true;
}

/* ---- repetition ---- */

/* A number without leading zeros below 10^8: otherwise the brace is an ordinary one. */
static bool parse_count(const char **s, uint32_t *n)
{
	if (!isdigit((unsigned char)**s))
		return false;
	if (**s == '0' && isdigit((unsigned char)(*s)[1]))
		return false;
	for (*n = 0; isdigit((unsigned char)**s); (*s)++) {
		if (*n >= 100000000)
			return false;
		*n = *n * 10 + (uint32_t)(**s - '0');
	}
	return true;
}

/* "{2}", "{2,}" or "{2,5}" at s: returns what follows, NULL when it is no repetition. */
static const char *parse_braces(const char *s, uint32_t *min, uint32_t *max, bool *open)
{
	s++;
	*open = false;
	if (!parse_count(&s, min))
		return NULL;
	*max = *min;
	if (*s == ',') {
		s++;
		*open = *s == '}';
		if (!*open && !parse_count(&s, max))
			return NULL;
	}
	return *s == '}' ? s + 1 : NULL;
}

static bool apply_repeat(struct parser *p, uint32_t times)
{
	struct group *g = top(p);

	if (*p->s == '?')
		p->s++;
	if (p->after_repeat)
		return fail(p, "a repetition operator follows another (possessive quantifiers "
			       "are not RE2)");
	if (!g->has_item)
		return fail(p, "there is nothing before the repetition operator");
	if (times > 0)
		g->repeats *= times;
	if (g->repeats > REPEAT_MAX)
		return fail(p, "repetitions multiply to more than 1000");
	if (g->repeats > g->most)
		g->most = g->repeats;
	p->after_repeat = true;
	return true;
}

static bool parse_repeat(struct parser *p)
{
	uint32_t min, max, times;
	bool open;
	const char *end;

	if (*p->s != '{') {
		p->s++;
		return apply_repeat(p, 1);
	}
	end = parse_braces(p->s, &min, &max, &open);
	if (!end) { /* an ordinary brace */
		p->s++;
		push_item(p, 1);
		return true;
	}
	if (min > REPEAT_MAX || max > REPEAT_MAX)
		return fail(p, "a repetition may be at most 1000");
	if (!open && max < min)
		return fail(p, "the repetition's bounds are the wrong way round");
	p->s = end;
	times = open ? min : max;
	return apply_repeat(p, times > 1 ? times : 1);
}

/* ---- groups ---- */

static bool open_group(struct parser *p)
{
	if (p->depth == REGEX_MAX)
		return fail(p, "groups are nested too deep");
	p->groups[++p->depth] = (struct group){.most = 1};
	p->after_repeat = false;
	return true;
}

static bool close_group(struct parser *p)
{
	uint32_t most = top(p)->most;

	if (p->depth == 0)
		return fail(p, "a closing parenthesis has no opening one");
	p->s++;
	p->depth--;
	push_item(p, most);
	return true;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* p->s is at the name, which ends with '>'. That a name occurs once is what Go demands,
 * whose parser Istio checks patterns with; RE2 itself does not mind. */
static bool parse_group_name(struct parser *p)
{
	const char *name = p->s;
	size_t len;
	unsigned i;

	while (is_word(*p->s))
		p->s++;
	len = (size_t)(p->s - name);
	if (len == 0 || *p->s != '>')
		return fail(p, "a group's name must be letters, digits and _, ending with >");
	p->s++;
	for (i = 0; i < p->n_names; i++)
		if (p->name_lens[i] == len && memcmp(p->names[i], name, len) == 0)
			return fail(p, "two groups have one name");
	if (p->n_names < NAMES_MAX) {
		p->names[p->n_names] = name;
		p->name_lens[p->n_names++] = len;
	}
	p->n_captures++;
	return open_group(p);
}

/* "(?i)", "(?i-s:...)": p->s is behind the question mark. */
static bool parse_flags(struct parser *p)
{
	bool negated = false, any = false;

	for (;; p->s++) {
		switch (*p->s) {
		case 'i':
		case 'm':
		case 's':
		case 'U':
			any = true;
			break;
		case '-':
			if (negated)
				return fail(p, "this group is not RE2");
			negated = true;
			any = false;
			break;
		case ':':
		case ')':
			if (negated && !any)
				return fail(p, "no flag follows the minus");
			p->after_repeat = false;
			return *p->s++ == ')' ? true : open_group(p);
		default:
			return fail(p, "this group is not RE2 (no look-around, atomic groups, "
				       "conditions or comments)");
		}
	}
}

static bool parse_group(struct parser *p)
{
	p->s++;
	if (*p->s != '?') {
		p->n_captures++;
		return open_group(p);
	}
	p->s++;
	if (strncmp(p->s, "P<", 2) == 0) {
		p->s += 2;
		return parse_group_name(p);
	}
	if (*p->s == '<' && p->s[1] != '=' && p->s[1] != '!') {
		p->s++;
		return parse_group_name(p);
	}
	return parse_flags(p);
}

/* ---- the pattern ---- */

/* "\Q...\E": every character is itself; the end of the pattern ends it too. */
static bool parse_quoted(struct parser *p)
{
	uint32_t rune;

	p->s += 2;
	p->after_repeat = false;
	while (*p->s && strncmp(p->s, "\\E", 2) != 0) {
		if (!parse_plain(p, &rune))
			return false;
		push_item(p, 1);
	}
	if (*p->s)
		p->s += 2;
	return true;
}

static bool parse_backslash(struct parser *p)
{
	uint32_t rune;
	bool is;

	if (p->s[1] == 'Q')
		return parse_quoted(p);
	if (p->s[1] && strchr("bBACzdDsSwW", p->s[1])) {
		p->s += 2;
		push_item(p, 1);
		return true;
	}
	if (!parse_unicode_class(p, &is))
		return false;
	if (!is) {
		p->s++;
		if (!parse_escape(p, &rune))
			return false;
	}
	push_item(p, 1);
	return true;
}

static bool parse_one(struct parser *p)
{
	uint32_t rune;

	switch (*p->s) {
	case '\\':
		return parse_backslash(p);
	case '[':
		return parse_class(p);
	case '(':
		return parse_group(p);
	case ')':
		return close_group(p);
	case '*':
	case '+':
	case '?':
	case '{':
		return parse_repeat(p);
	case '|':
		p->s++;
		top(p)->has_item = false;
		p->after_repeat = false;
		return true;
	default:
		if (!parse_plain(p, &rune))
			return false;
		push_item(p, 1);
		return true;
	}
}

static bool parse(struct parser *p)
{
	bool ok = true;

	while (ok && *p->s)
		ok = parse_one(p);
	if (ok && p->depth > 0)
		ok = fail(p, "an opening parenthesis has no closing one");
	return ok;
}

const char *regex_problem(const char *pattern, size_t *at)
{
	struct parser p = {.start = pattern, .s = pattern, .groups = {{.most = 1}}};
	bool ok;

	*at = 0;
	if (strlen(pattern) > REGEX_MAX)
		return "the pattern is longer than 1024 bytes";
	ok = parse(&p);
	*at = (size_t)(p.s - p.start);
	return ok ? NULL : p.problem;
}

unsigned regex_groups(const char *pattern)
{
	struct parser p = {.start = pattern, .s = pattern, .groups = {{.most = 1}}};

	return parse(&p) ? p.n_captures : 0;
}
