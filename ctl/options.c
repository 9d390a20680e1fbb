/* options.c - see options.h. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include <common/nearest.h>

struct reader {
	const struct option_set *sets;
	unsigned n_sets;
	int argc, at;
	const char *const *argv;
	FILE *err;
};

struct found {
	const struct option_spec *spec; /* NULL: there is none */
	void *values;
};

static bool complain(const struct reader *r, const char *option, const char *what)
{
	fprintf(r->err, "weirctl: %s: %s\n", option, what);
	return false;
}

static struct found find_name(const struct reader *r, const char *name, size_t len)
{
	for (unsigned i = 0; i < r->n_sets; i++)
		for (unsigned k = 0; k < r->sets[i].n; k++) {
			const struct option_spec *s = &r->sets[i].specs[k];

			if (strlen(s->name) == len && memcmp(s->name, name, len) == 0)
				return (struct found){s, r->sets[i].values};
		}
	return (struct found){0};
}

static struct found find_letter(const struct reader *r, char letter)
{
	for (unsigned i = 0; i < r->n_sets; i++)
		for (unsigned k = 0; k < r->sets[i].n; k++)
			if (r->sets[i].specs[k].letter == letter)
				return (struct found){&r->sets[i].specs[k], r->sets[i].values};
	return (struct found){0};
}

static bool unknown(const struct reader *r, const char *arg, const char *name, size_t len)
{
	const char *best = NULL;
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	for (unsigned i = 0; i < r->n_sets; i++)
		for (unsigned k = 0; k < r->sets[i].n; k++)
			best = nearest_pick(word, best, r->sets[i].specs[k].name);
	if (!best)
		return complain(r, arg, "no such option; --help lists them");
	fprintf(r->err, "weirctl: %s: no such option; did you mean --%s?\n", arg, best);
	return false;
}

/* Is word one of those between the bars? */
static bool is_choice(const char *choices, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = choices; len > 0 && p; p = strchr(p, '|')) {
		p += *p == '|';
		if (strcspn(p, "|") == len && memcmp(p, word, len) == 0)
			return true;
	}
	return false;
}

static bool read_port(const char *text, unsigned *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > 65535)
		return false;
	*out = (unsigned)n;
	return true;
}

static bool add(struct arg_list *l, const char *item)
{
	if (l->n == ARGS_MAX)
		return false;
	l->items[l->n++] = item;
	return true;
}

/* value: NULL for a flag. */
static bool store(const struct reader *r, const struct found *f, const char *arg, const char *value)
{
	char *to = (char *)f->values + f->spec->offset;

	switch (f->spec->kind) {
	case OPTION_FLAG:
		*(bool *)to = true;
		return true;
	case OPTION_LIST:
		return add((struct arg_list *)to, value) || complain(r, arg, "is there too often");
	case OPTION_PORT:
		return read_port(value, (unsigned *)to) ||
		       complain(r, arg, "a port is a number from 1 to 65535");
	case OPTION_CHOICE:
		if (!is_choice(f->spec->value, value)) {
			fprintf(r->err, "weirctl: %s: \"%s\" is none of %s\n", arg, value,
				f->spec->value);
			return false;
		}
		break;
	case OPTION_TEXT:
		break;
	}
	*(const char **)to = value;
	return true;
}

/* inline_value: what stands in the same argument; NULL: the next argument is the value. */
static bool take(struct reader *r, const struct found *f, const char *arg, const char *inline_value)
{
	if (f->spec->kind == OPTION_FLAG)
		return inline_value ? complain(r, arg, "takes no value") : store(r, f, arg, NULL);
	if (inline_value)
		return store(r, f, arg, inline_value);
	if (r->at == r->argc)
		return complain(r, arg, "needs a value");
	return store(r, f, arg, r->argv[r->at++]);
}

static bool read_long(struct reader *r, const char *arg)
{
	size_t len = strcspn(arg + 2, "=");
	struct found f = find_name(r, arg + 2, len);

	if (!f.spec)
		return unknown(r, arg, arg + 2, len);
	return take(r, &f, arg, arg[2 + len] ? arg + 2 + len + 1 : NULL);
}

/* Flags may be bundled; the value of an option follows its letter or is the next argument. */
static bool read_letters(struct reader *r, const char *arg)
{
	for (const char *p = arg + 1; *p; p++) {
		struct found f = find_letter(r, *p);

		if (!f.spec)
			return unknown(r, arg, "", 0);
		if (f.spec->kind != OPTION_FLAG)
			return take(r, &f, arg, p[1] ? p + 1 : NULL);
		store(r, &f, arg, NULL);
	}
	return true;
}

static bool read_one(struct reader *r, const char *arg)
{
	return arg[1] == '-' ? read_long(r, arg) : read_letters(r, arg);
}

int options_read(const struct option_set *sets, unsigned n_sets, int argc, const char *const *argv,
		 bool stop_at_first, struct arg_list *args, FILE *err)
{
	struct reader r = {.sets = sets, .n_sets = n_sets, .argc = argc, .argv = argv, .err = err};
	bool options_over = false;

	while (r.at < argc) {
		const char *arg = argv[r.at];
		bool is_option = !options_over && arg[0] == '-' && arg[1];

		if (!is_option && stop_at_first)
			break;
		r.at++;
		if (is_option && strcmp(arg, "--") == 0)
			options_over = true;
		else if (is_option && !read_one(&r, arg))
			return -1;
		else if (!is_option && !add(args, arg))
			goto too_many;
	}
	return r.at;
too_many:
	complain(&r, argv[r.at - 1], "there are too many arguments");
	return -1;
}

bool option_is(const char *value, const char *choice)
{
	return value && strcmp(value, choice) == 0;
}

/* ---- help ---- */

static int label(const struct option_spec *s, char *buf, size_t size)
{
	char letter[8] = "    ";

	if (s->letter)
		snprintf(letter, sizeof(letter), "-%c, ", s->letter);
	return snprintf(buf, size, "%s--%s%s%s", letter, s->name, s->value ? " " : "",
			s->value ? s->value : "");
}

void options_print(const struct option_set *sets, unsigned n_sets, FILE *out)
{
	char buf[80];
	int width = 0;

	for (unsigned i = 0; i < n_sets; i++)
		for (unsigned k = 0; k < sets[i].n; k++) {
			int n = label(&sets[i].specs[k], buf, sizeof(buf));

			width = n > width ? n : width;
		}
	for (unsigned i = 0; i < n_sets; i++)
		for (unsigned k = 0; k < sets[i].n; k++) {
			label(&sets[i].specs[k], buf, sizeof(buf));
			fprintf(out, "  %-*s  %s\n", width, buf, sets[i].specs[k].help);
		}
}
