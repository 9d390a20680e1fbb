/* control.h - the running gateway, seen from the control thread: what it owns, and the loop
 * in which sources, signals, the admin API, the access log and retired snapshots get their
 * turn. */
#pragma once
#include <stddef.h>

#include <config/node.h>

struct control;

/* Blocks the signals that the loop takes, before any other thread exists to inherit them
 * unblocked. */
void control_block_signals(void);

/* The EAL is up. Opens everything, loads the resources, starts the workers and says that they
 * poll. Resources with errors do not prevent that: they are reported, and served when they
 * are put right. cfg is borrowed until destroy. On failure returns NULL and a sentence. */
struct control *control_create(const struct node_config *cfg, char *err, size_t err_len);

/* Returns when SIGTERM or SIGINT was obeyed: after the drain, or at the second signal. */
void control_run(struct control *c);

/* Stops the workers, writes the last of the access log, frees everything. */
void control_destroy(struct control *c);
