/* admission.c - owns the counting of client connections where their number is limited. */
#include <proxy/admission.h>

#include <proxy/server.h>
#include <proxy/session.h>
#include <weir/shared_count.h>

static const struct listener *find(const struct proxy *px, uint32_t id, uint32_t gen)
{
	const struct listener *l = px->snap ? snapshot_listener(px->snap, id) : NULL;

	return l && l->gen == gen ? l : NULL;
}

static bool refuse(struct proxy *px, enum counter_id why)
{
	counter_inc(px->env.counters, why);
	return false;
}

bool admission_enter(struct proxy *px, uint32_t listener_id, uint32_t listener_gen,
		     struct conn_count **count)
{
	const struct listener *l = find(px, listener_id, listener_gen);

	*count = NULL;
	if (px->env.open && !shared_count_up(px->env.open, px->env.max_open))
		return refuse(px, CTR_CONNS_OVER_GLOBAL);
	if (!l || !l->count)
		return true;
	if (!shared_count_up(&l->count->open, l->max_connections)) {
		admission_leave(px, count);
		return refuse(px, CTR_CONNS_OVER_LISTENER);
	}
	*count = l->count;
	return true;
}

/* Release: ctrl may free the count now. */
void admission_leave(struct proxy *px, struct conn_count **count)
{
	if (px->env.open)
		__atomic_fetch_sub(px->env.open, 1, __ATOMIC_RELAXED);
	if (*count)
		__atomic_fetch_sub(&(*count)->open, 1, __ATOMIC_RELEASE);
	*count = NULL;
}

void admission_pass_on(struct proxy *px, struct conn_count **from, struct conn_count **to)
{
	if (px->env.open)
		__atomic_fetch_add(px->env.open, 1, __ATOMIC_RELAXED);
	*to = *from;
	*from = NULL;
}

static __rte_noinline void count_open(struct proxy *px, const struct listener *l)
{
	uint64_t own = 1ull << px->env.worker;
	uint32_t n;

	if (__atomic_fetch_or(&l->count->adopted, own, __ATOMIC_RELAXED) & own)
		return;
	n = server_count_at(px, l) + session_count_at(px, l);
	__atomic_fetch_add(&l->count->open, n, __ATOMIC_RELAXED);
}

void admission_adopt(struct proxy *px)
{
	for (uint32_t i = 0; i < px->snap->n_listener_ids; i++) {
		const struct listener *l = px->snap->listener_by_id[i];

		if (l && l->count)
			count_open(px, l);
	}
}
