/* dump.h - the current snapshot and the state of the process as JSON.
 *
 * One object a line, so that grep works on what is too long to read. */
#pragma once
#include "query.h"
#include "state.h"
#include "text.h"

/* Arguments: name=SUBSTRING, only listeners, virtual hosts and clusters whose name contains it;
 * brief, listeners without their hosts. */
void dump_config(const struct admin_state *s, const struct query *q, struct text *out);
void dump_listeners(const struct admin_state *s, const struct query *q, struct text *out);
void dump_vhosts(const struct admin_state *s, const struct query *q, struct text *out);
void dump_clusters(const struct admin_state *s, const struct query *q, struct text *out);

/* Version, node, generation, workers, sources, and how the last load went. */
void dump_status(const struct admin_state *s, struct text *out);
