/* publisher.h - publishes snapshots to the workers and frees them when nobody is left.
 *
 * Owns the RCU cell. All calls from the control thread. */
#pragma once
#include <compile/compile.h>
#include <weir/publish.h>

struct publisher;

struct publisher *publisher_create(struct compiler *c, unsigned n_workers);
void publisher_destroy(struct publisher *p); /* workers have stopped */
struct publish_cell *publisher_cell(struct publisher *p);

/* Makes s current and returns when every worker has passed a quiescent state since: each
 * request that arrives afterwards is routed by s. Takes s. wake is called after the swap. */
void publisher_publish(struct publisher *p, struct snapshot *s, void (*wake)(void *), void *arg);

/* Frees retired snapshots whose pins are gone; call now and then. */
void publisher_reap(struct publisher *p);
unsigned publisher_alive(const struct publisher *p); /* current one included */
uint64_t publisher_generation(const struct publisher *p);
double publisher_last_apply_seconds(const struct publisher *p);
