/* health.c - owns the thresholds. Between a change of state and the next one, only one of the two
 * rows is counted: passes while the endpoint is out, failures while it is in. */
#include <upstream/health.h>

static void count_change(struct check_tally *t)
{
	__atomic_fetch_add(&t->changes, 1, __ATOMIC_RELEASE);
}

static void become(struct endpoint_health *h, struct check_tally *t, enum health_state to)
{
	/* Whoever sees the count sees the state. */
	if (__atomic_exchange_n(&h->state, to, __ATOMIC_RELAXED) != (uint32_t)to)
		count_change(t);
}

static void change(struct endpoint_health *h, struct check_tally *t, enum health_state to)
{
	h->record.passes = h->record.failures = 0;
	become(h, t, to);
}

static void pass(const struct health_check *k, struct endpoint_health *h, struct check_tally *t,
		 bool first)
{
	h->record.failures = 0;
	if (endpoint_health_state(h) == HEALTH_WELL)
		return;
	if (++h->record.passes >= k->healthy_threshold || (first && k->envoy))
		change(h, t, HEALTH_WELL);
}

static void fail(const struct health_check *k, struct endpoint_health *h, struct check_tally *t,
		 enum check_result r)
{
	h->record.passes = 0;
	if (r == CHECK_ASKED) {
		change(h, t, HEALTH_LEAVING);
		return;
	}
	if (endpoint_health_state(h) != HEALTH_WELL)
		return;
	if (++h->record.failures >= k->unhealthy_threshold || (r == CHECK_STATUS && k->envoy))
		change(h, t, HEALTH_FAILING);
}

/* The control thread reads along. */
static void note(struct check_record *rec, enum check_result r, uint16_t status)
{
	__atomic_store_n(&rec->last, r, __ATOMIC_RELAXED);
	__atomic_store_n(&rec->status, status, __ATOMIC_RELAXED);
	__atomic_store_n(&rec->checks, rec->checks + 1, __ATOMIC_RELAXED);
	if (r == CHECK_PASSED)
		__atomic_store_n(&rec->passed, rec->passed + 1, __ATOMIC_RELEASE);
}

void health_report(const struct health_check *k, struct endpoint_health *h, struct check_tally *t,
		   enum check_result r, uint16_t status)
{
	enum health_state before = endpoint_health_state(h);
	bool first = h->record.checks == 0;

	note(&h->record, r, status);
	if (r == CHECK_PASSED)
		pass(k, h, t, first);
	else
		fail(k, h, t, r);
	/* What was only taken for out is known to be. */
	if (first && r != CHECK_PASSED && before == HEALTH_FAILING)
		count_change(t);
}

void health_leave_alone(struct endpoint_health *h, struct check_tally *t)
{
	become(h, t, HEALTH_LEAVING);
}
