/* flows.c - see flows.h. */
#include "flows.h"

#include "memory.h"

bool flow_table_init(struct flow_table *t, uint32_t n)
{
	uint32_t size = 64;

	while (size < 2 * n)
		size *= 2;
	t->mask = size - 1;
	t->at = memory_reserve(size * sizeof(*t->at));
	return t->at != NULL;
}

void flow_insert(struct flow_table *t, uint32_t hash, uint32_t conn)
{
	uint32_t i = hash & t->mask;

	while (t->at[i].conn)
		i = (i + 1) & t->mask;
	t->at[i] = (struct flow_entry){hash, conn + 1};
}

/* Entries behind the hole move up, unless that would put them before their home. */
void flow_remove(struct flow_table *t, uint32_t hash, uint32_t conn)
{
	uint32_t hole = hash & t->mask, i;

	while (t->at[hole].conn != conn + 1)
		hole = (hole + 1) & t->mask;
	for (i = (hole + 1) & t->mask; t->at[i].conn; i = (i + 1) & t->mask) {
		uint32_t home = t->at[i].hash & t->mask;

		if (((i - home) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->at[hole] = t->at[i];
		hole = i;
	}
	t->at[hole].conn = 0;
}
