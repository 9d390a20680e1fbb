/* fill.h - from a layout to a snapshot: virtual hosts compiled where something changed, and the
 * tables that lead to them. */
#pragma once
#include <compile/layout.h>

/* Compiles into the snapshot under construction. What b->from has already is taken over but for
 * the virtual hosts that b->replaced is about. */
void fill_hosts(struct build *b);
void fill_listeners(struct build *b);
/* Hyperscan scratch for each worker; reports when memory is short. */
void fill_scratch(struct build *b);

/* The snapshot is the last one from now on: what replaced a VirtualService is in its place. */
void fill_commit(struct build *b);
