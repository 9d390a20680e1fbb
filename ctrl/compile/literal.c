/* literal.c - owns the choice of expressions that are filed under a literal. */
#include <compile/literal.h>

#include <stdlib.h>

#include <compile/pattern_plain.h>
#include <compile/plan.h>

/* An expression that could be filed, and where it stands among the others. */
struct literal {
	struct cond *cond;
	const char *text;
	uint32_t len;
	struct literal *within; /* the longest other text that this one begins with; NULL */
	uint32_t below;         /* most expressions filed that one path may begin like, with ours */
};

static struct literal *literal_of(struct arena *tmp, struct cond *c)
{
	char text[PATTERN_LITERAL_MAX];
	uint32_t len = pattern_literal(c->value, text);
	struct literal *l;

	if (len == 0)
		return NULL;
	l = arena_alloc(tmp, sizeof(*l));
	*l = (struct literal){.cond = c, .text = arena_strndup(tmp, text, len), .len = len};
	return l;
}

static void collect(struct arena *tmp, const struct list *routes, struct list *out)
{
	for (uint32_t i = 0; i < routes->n; i++) {
		const struct route_plan *r = routes->items[i];

		for (uint32_t k = 0; k < r->n_conds; k++) {
			struct cond *c = &r->conds[k];
			struct literal *l;

			c->literal = 0;
			if (c->field != MATCH_PATH || c->op != MATCH_REGEX || c->negate)
				continue;
			l = literal_of(tmp, c);
			if (l)
				list_add(tmp, out, l);
		}
	}
}

/* The lengths that most texts have, as those that are kept. */
static void choose_lens(const struct list *literals, bool kept[PATTERN_LITERAL_MAX + 1])
{
	uint32_t count[PATTERN_LITERAL_MAX + 1] = {0};

	for (uint32_t i = 0; i < literals->n; i++)
		count[((const struct literal *)literals->items[i])->len]++;
	for (unsigned n = 0; n < LITERAL_LENS_MAX; n++) {
		uint32_t best = 0;

		for (uint32_t len = 1; len <= PATTERN_LITERAL_MAX; len++)
			if (count[len] > count[best])
				best = len;
		kept[best] = true;
		count[best] = 0;
	}
}

/* To a length that is kept; those shorter than all are left out, with length 0. */
static void cut_texts(const struct list *literals)
{
	bool kept[PATTERN_LITERAL_MAX + 1] = {false};

	choose_lens(literals, kept);
	for (uint32_t i = 0; i < literals->n; i++) {
		struct literal *l = literals->items[i];

		while (l->len > 0 && !kept[l->len])
			l->len--;
	}
}

static bool begins_with(const struct literal *l, const struct literal *head)
{
	return head->len <= l->len && memcmp(l->text, head->text, head->len) == 0;
}

/* A text comes behind all that it begins with. */
static int by_text(const void *x, const void *y)
{
	const struct literal *a = *(const struct literal *const *)x;
	const struct literal *b = *(const struct literal *const *)y;
	int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static void nest(const struct list *literals)
{
	struct literal *around = NULL;

	for (uint32_t i = 0; i < literals->n; i++) {
		struct literal *l = literals->items[i];

		while (around && !begins_with(l, around))
			around = around->within;
		l->within = around;
		around = l;
	}
}

/* Longer texts first, which tell paths apart better. */
static void choose(const struct list *literals)
{
	for (uint32_t i = literals->n; i-- > 0;) {
		struct literal *l = literals->items[i];

		if (l->len > 0 && l->below < LITERAL_CROWD) {
			l->cond->literal = (uint16_t)l->len;
			l->below++;
		}
		if (l->within && l->within->below < l->below)
			l->within->below = l->below;
	}
}

void literals_choose(struct arena *tmp, const struct list *routes)
{
	struct list literals = {0};

	collect(tmp, routes, &literals);
	if (literals.n == 0)
		return;
	cut_texts(&literals);
	qsort(literals.items, literals.n, sizeof(*literals.items), by_text);
	nest(&literals);
	choose(&literals);
}
