/* intern.c - owns the rows behind ids: name, generation, holders. */
#include <compile/intern.h>

#include <assert.h>

#include <compile/memory.h>

#define ROW_NONE UINT32_MAX

struct intern_row {
	char *name; /* NULL: nobody holds it */
	uint32_t gen, refs;
	uint32_t next_free;
};

void intern_init(struct intern *t)
{
	*t = (struct intern){.free_head = ROW_NONE};
	map_init(&t->by_name);
}

void intern_fini(struct intern *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		free(t->rows[i].name);
	free(t->rows);
	map_fini(&t->by_name);
}

static uint32_t take_row(struct intern *t)
{
	uint32_t id = t->free_head;

	if (id != ROW_NONE) {
		t->free_head = t->rows[id].next_free;
		return id;
	}
	t->rows = memory_grow(t->rows, t->n, &t->cap, sizeof(*t->rows));
	t->rows[t->n] = (struct intern_row){0};
	return t->n++;
}

uint32_t intern_get(struct intern *t, const char *name, uint32_t *gen)
{
	/* The map holds id + 1, so that an id of 0 differs from "none". */
	uintptr_t known = (uintptr_t)map_get_str(&t->by_name, name);
	uint32_t id = known ? (uint32_t)known - 1 : take_row(t);
	struct intern_row *r = &t->rows[id];

	if (!known) {
		r->name = memory_copy(name, strlen(name) + 1);
		r->gen++;
		*map_slot_str(&t->by_name, r->name) = (void *)(uintptr_t)(id + 1);
	}
	r->refs++;
	*gen = r->gen;
	return id;
}

bool intern_has(const struct intern *t, const char *name)
{
	return map_get_str(&t->by_name, name) != NULL;
}

void intern_put(struct intern *t, uint32_t id)
{
	struct intern_row *r = &t->rows[id];

	assert(id < t->n && r->refs > 0);
	if (--r->refs > 0)
		return;
	map_remove(&t->by_name, r->name, strlen(r->name));
	free(r->name);
	r->name = NULL;
	r->next_free = t->free_head;
	t->free_head = id;
}

uint32_t intern_bound(const struct intern *t)
{
	return t->n;
}
