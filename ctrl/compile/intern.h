/* intern.h - small stable numbers for names: the ids workers index their arrays by.
 *
 * A name keeps its id as long as somebody holds it. An id that nobody holds is given to the
 * next new name, with another generation, so that whoever kept state by id can tell. */
#pragma once
#include <stdbool.h>

#include <compile/map.h>

struct intern_row;

struct intern {
	struct map by_name;
	struct intern_row *rows;
	uint32_t n, cap;
	uint32_t free_head; /* first unused row */
};

void intern_init(struct intern *t);
void intern_fini(struct intern *t);

/* Holds the id of a name, which gets one when it has none. Generations start at 1. */
uint32_t intern_get(struct intern *t, const char *name, uint32_t *gen);
/* Does anybody hold the id of a name? */
bool intern_has(const struct intern *t, const char *name);
void intern_put(struct intern *t, uint32_t id);

/* Every id ever given is below this. */
uint32_t intern_bound(const struct intern *t);
