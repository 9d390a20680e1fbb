/* outlier.c - owns counting and ejecting; returning is the control thread's sweep. */
#include <upstream/outlier.h>

/* Claimed by the ejecting worker, which has yet to write until when. */
#define EJECTING 2u

static void clear(uint32_t *errors)
{
	/* Endpoints that are well do not cost a write. */
	if (__atomic_load_n(errors, __ATOMIC_RELAXED))
		__atomic_store_n(errors, 0, __ATOMIC_RELAXED);
}

/* True when the threshold is reached; the count then starts again, whether or not an ejection
 * follows. */
static bool count(uint32_t *errors, uint32_t threshold)
{
	if (threshold == 0)
		return false;
	if (__atomic_add_fetch(errors, 1, __ATOMIC_RELAXED) < threshold)
		return false;
	__atomic_store_n(errors, 0, __ATOMIC_RELAXED);
	return true;
}

static bool may_eject(const struct outlier_policy *p, uint32_t ejected, uint32_t total)
{
	if (ejected == 0 && p->always_one)
		return true;
	return 100ull * (ejected + 1) <= (uint64_t)p->max_ejection_percent * total;
}

/* Counts one more ejected endpoint, if maxEjectionPercent allows it. */
static bool count_ejected(const struct cluster *c)
{
	struct outlier_state *o = c->outlier_state;
	uint32_t n = __atomic_load_n(&o->ejected, __ATOMIC_RELAXED);

	do {
		if (!may_eject(c->outlier, n, c->endpoints->n)) {
			__atomic_fetch_add(&o->refused, 1, __ATOMIC_RELAXED);
			return false;
		}
	} while (!__atomic_compare_exchange_n(&o->ejected, &n, n + 1, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

static void eject(const struct cluster *c, struct endpoint_health *h, uint64_t now_us)
{
	const struct outlier_policy *p = c->outlier;
	uint32_t well = 0;
	uint64_t time;

	if (!__atomic_compare_exchange_n(&h->ejected, &well, EJECTING, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return;
	if (!count_ejected(c)) {
		__atomic_store_n(&h->ejected, 0, __ATOMIC_RELEASE);
		return;
	}
	time = p->base_ejection_us * __atomic_add_fetch(&h->multiplier, 1, __ATOMIC_RELAXED);
	h->until_us = now_us + (time < p->max_ejection_us ? time : p->max_ejection_us);
	__atomic_fetch_add(&h->ejections, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&c->outlier_state->ejections, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&h->ejected, 1, __ATOMIC_RELEASE);
}

static void count_5xx(const struct cluster *c, struct endpoint_health *h, bool gateway,
		      uint64_t now_us)
{
	const struct outlier_policy *p = c->outlier;
	bool out = count(&h->errors_5xx, p->consecutive_5xx);

	if (!gateway)
		clear(&h->errors_gateway);
	else
		out |= count(&h->errors_gateway, p->consecutive_gateway);
	if (out)
		eject(c, h, now_us);
}

void outlier_report_status(const struct cluster *c, struct endpoint_health *h, uint16_t status,
			   uint64_t now_us)
{
	const struct outlier_policy *p = c->outlier;
	bool error = p->n_codes ? outlier_has_code(p, status) : status >= 500;

	/* Somebody answered: the way there is well. */
	clear(&h->errors_local);
	if (error) {
		count_5xx(c, h, status >= 502 && status <= 504, now_us);
		return;
	}
	clear(&h->errors_5xx);
	clear(&h->errors_gateway);
}

void outlier_report_connected(const struct cluster *c, struct endpoint_health *h)
{
	clear(&h->errors_local);
	if (c->outlier->split_local)
		return;
	clear(&h->errors_5xx);
	clear(&h->errors_gateway);
}

void outlier_report_failure(const struct cluster *c, struct endpoint_health *h, uint64_t now_us)
{
	if (!c->outlier->split_local)
		count_5xx(c, h, true, now_us); /* as the 503 or 504 that the client may see */
	else if (count(&h->errors_local, c->outlier->consecutive_local))
		eject(c, h, now_us);
}
