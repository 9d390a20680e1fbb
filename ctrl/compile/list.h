/* list.h - a growable list of pointers in an arena: what one build collects. */
#pragma once
#include <stdint.h>
#include <string.h>

#include <common/arena.h>

struct list {
	void **items;
	uint32_t n, cap;
};

static inline void list_add(struct arena *a, struct list *l, void *item)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 4;
		void **items = arena_array(a, cap, sizeof(*items));

		if (l->n)
			memcpy(items, l->items, l->n * sizeof(*items));
		l->items = items;
		l->cap = cap;
	}
	l->items[l->n++] = item;
}
