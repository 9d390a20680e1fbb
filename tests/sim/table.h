/* table.h - throughput of bulk transfers over bad links, by controller, as a table to compare
 * with. */
#pragma once
#include "run.h"

/* Prints the table, and compares it with the one in `file` (NULL: does not). Returns how many
 * cells are worse by more than TABLE_TOLERANCE percent and by more than chance, or failed. */
#define TABLE_TOLERANCE 5
int table_check(struct run *r, struct rte_mempool *pool, const char *file);
