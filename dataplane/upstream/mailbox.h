/* mailbox.h - how workers tell each other that a seat at a breaker has news.
 *
 * A stack that anybody pushes to and only its worker takes, all at once. News is in the seat
 * itself; posting twice is posting once. */
#pragma once
#include <stdbool.h>

#include <weir/breaker.h>

struct mailbox {
	struct breaker_seat *head;
} WEIR_CACHE_ALIGNED;

/* True when the seat was not in the mailbox before: its worker may have to be woken. Whoever
 * posts has written the news before. The breaker is held until mailbox_open(). */
static inline bool mailbox_post(struct mailbox *m, struct breaker_seat *st)
{
	struct breaker_seat *head;

	if (__atomic_exchange_n(&st->posted, 1, __ATOMIC_ACQ_REL))
		return false;
	__atomic_fetch_add(&st->breaker->holds, 1, __ATOMIC_RELAXED);
	head = __atomic_load_n(&m->head, __ATOMIC_RELAXED);
	do {
		st->next = head;
	} while (!__atomic_compare_exchange_n(&m->head, &head, st, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return true;
}

static inline bool mailbox_has_mail(const struct mailbox *m)
{
	return __atomic_load_n(&m->head, __ATOMIC_RELAXED) != NULL;
}

static inline struct breaker_seat *mailbox_take(struct mailbox *m)
{
	return __atomic_exchange_n(&m->head, NULL, __ATOMIC_ACQUIRE);
}

/* From here on the seat may be posted again: returns the next one. What was written before any
 * earlier post is visible. */
static inline struct breaker_seat *mailbox_open(struct breaker_seat *st)
{
	struct breaker_seat *next = st->next;

	__atomic_exchange_n(&st->posted, 0, __ATOMIC_ACQ_REL);
	return next;
}
