/* addr_set.h - an immutable set of addresses: which workloads a condition speaks of. */
#pragma once
#include <weir/addr.h>

/* Open addressing, at most half full; an address of all zeros is an empty slot. */
struct addr_set {
	const struct ip_addr *slots;
	uint32_t mask; /* size-1 */
};

static inline uint32_t addr_set_hash(const struct ip_addr *a)
{
	return (uint32_t)ip_addr_hash(a, 0);
}

static inline bool addr_set_has(const struct addr_set *s, const struct ip_addr *a)
{
	for (uint32_t i = addr_set_hash(a) & s->mask; !ip_addr_is_any(&s->slots[i]);
	     i = (i + 1) & s->mask)
		if (ip_addr_eq(&s->slots[i], a))
			return true;
	return false;
}
