/* wheel.c - where a timer lies in the wheel, and how time passes over it.
 *
 * A timer lies on the level of the highest base-256 digit in which its tick differs from the
 * wheel's, in the slot of that digit. So the slots of a level below the top are all ahead of
 * the wheel without wrapping, every timer of a level is earlier than those of the levels
 * above, and the first occupied slot of the lowest occupied level is the next thing to do.
 * The top level wraps; what lies beyond its reach waits in its farthest slot and is placed
 * again when that is reached. */
#include "wheel.h"

#include <string.h>

#define MASK      (WHEEL_SLOTS - 1)
#define TOP       (WHEEL_LEVELS - 1)
#define TOP_SHIFT (TOP * WHEEL_BITS)

/* A slot and the tick at which the wheel enters it. */
struct place {
	unsigned level, slot;
	uint64_t tick;
};

static void list_init(struct wheel_timer *head)
{
	head->next = head->prev = head;
}

static void list_add(struct wheel_timer *head, struct wheel_timer *t)
{
	t->next = head;
	t->prev = head->prev;
	t->prev->next = t;
	head->prev = t;
}

/* Moves everything in `from` to the end of `to`. */
static void list_splice(struct wheel_timer *to, struct wheel_timer *from)
{
	if (from->next == from)
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

static unsigned level_of(uint64_t differing)
{
	unsigned level = 0;

	while (level < TOP && differing >> ((level + 1) * WHEEL_BITS))
		level++;
	return level;
}

static unsigned slot_of(const struct wheel *w, unsigned level, uint64_t expires)
{
	uint64_t block = expires >> (level * WHEEL_BITS);

	if (level == TOP) {
		uint64_t here = w->tick >> TOP_SHIFT;

		if (block - here > MASK)
			block = here + MASK;
	}
	return (unsigned)block & MASK;
}

static void place_timer(struct wheel *w, struct wheel_timer *t)
{
	unsigned level = level_of(t->expires ^ w->tick);
	unsigned slot = slot_of(w, level, t->expires);

	list_add(&w->slots[level][slot], t);
	w->occupied[level][slot / 64] |= 1ull << (slot % 64);
}

static void clear_slot(struct wheel *w, unsigned level, unsigned slot)
{
	w->occupied[level][slot / 64] &= ~(1ull << (slot % 64));
}

/* The first occupied slot at or after `from`, without wrapping; WHEEL_SLOTS when none is. */
static unsigned find_slot(const uint64_t *map, unsigned from)
{
	unsigned i = from / 64;
	uint64_t word;

	if (from >= WHEEL_SLOTS)
		return WHEEL_SLOTS;
	word = map[i] & (~0ull << (from % 64));
	while (!word) {
		if (++i == WHEEL_SLOTS / 64)
			return WHEEL_SLOTS;
		word = map[i];
	}
	return i * 64 + (unsigned)__builtin_ctzll(word);
}

static bool find_top(const struct wheel *w, struct place *p)
{
	uint64_t here = w->tick >> TOP_SHIFT;
	unsigned digit = (unsigned)here & MASK;
	unsigned slot = find_slot(w->occupied[TOP], digit + 1);

	if (slot == WHEEL_SLOTS)
		slot = find_slot(w->occupied[TOP], 0);
	if (slot == WHEEL_SLOTS)
		return false;
	*p = (struct place){TOP, slot, (here + ((slot - digit) & MASK)) << TOP_SHIFT};
	return true;
}

/* The first slot that anything lies in. */
static bool find_next(const struct wheel *w, struct place *p)
{
	for (unsigned level = 0; level < TOP; level++) {
		unsigned shift = level * WHEEL_BITS;
		uint64_t here = w->tick >> shift;
		unsigned slot = find_slot(w->occupied[level], (unsigned)here & MASK);

		if (slot == WHEEL_SLOTS)
			continue;
		*p = (struct place){level, slot, ((here & ~(uint64_t)MASK) | slot) << shift};
		return true;
	}
	return find_top(w, p);
}

void wheel_init(struct wheel *w, uint64_t now_us, wheel_fn fire, void *arg)
{
	memset(w, 0, sizeof(*w));
	w->tick = now_us / WHEEL_TICK_US;
	w->fire = fire;
	w->arg = arg;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++)
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&w->slots[level][slot]);
}

void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t at_us)
{
	wheel_cancel(w, t);
	t->expires = at_us / WHEEL_TICK_US + (at_us % WHEEL_TICK_US != 0);
	if (t->expires < w->tick)
		t->expires = w->tick;
	place_timer(w, t);
	w->armed++;
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	struct wheel_timer *head = t->next, *first = &w->slots[0][0], *last = &w->slots[TOP][MASK];

	if (!head)
		return;
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->next = t->prev = NULL;
	w->armed--;
	/* The last one of a slot leaves only the head behind. A timer that a turn has taken out
	 * but not yet fired hangs on that turn's own head, which is no slot. */
	if (head->next == head && (uintptr_t)head >= (uintptr_t)first &&
	    (uintptr_t)head <= (uintptr_t)last)
		clear_slot(w, (unsigned)((head - first) / WHEEL_SLOTS),
			   (unsigned)(head - first) & MASK);
}

/* The wheel enters p: what lies there expires or moves to a lower level. */
static void enter(struct wheel *w, const struct place *p, struct wheel_timer *expired)
{
	struct wheel_timer moving, *t;

	w->tick = p->tick;
	clear_slot(w, p->level, p->slot);
	if (p->level == 0) {
		list_splice(expired, &w->slots[0][p->slot]);
		return;
	}
	list_init(&moving);
	list_splice(&moving, &w->slots[p->level][p->slot]);
	while ((t = moving.next) != &moving) {
		moving.next = t->next;
		t->next->prev = &moving;
		place_timer(w, t);
	}
}

/* Time has passed completely before the first callback runs: what a callback arms, however
 * far in the past, waits for the next turn, so that a turn always ends. */
void wheel_turn(struct wheel *w, uint64_t now_us)
{
	uint64_t target = now_us / WHEEL_TICK_US;
	struct wheel_timer expired, *t;
	struct place p;

	if (target < w->tick)
		return;
	list_init(&expired);
	while (find_next(w, &p) && p.tick <= target)
		enter(w, &p, &expired);
	w->tick = target;
	while ((t = expired.next) != &expired) {
		wheel_cancel(w, t);
		w->fire(w->arg, t);
	}
}

uint64_t wheel_next(const struct wheel *w)
{
	struct place p;

	if (!find_next(w, &p))
		return UINT64_MAX;
	return p.tick > UINT64_MAX / WHEEL_TICK_US ? UINT64_MAX : p.tick * WHEEL_TICK_US;
}
