/* zone.h - link-local IPv6 addresses (RFC 4291 section 2.5.6), which name a host on one link.
 *
 * Above the wire such an address carries its link: the port's number and that number's
 * complement stand in its third to sixth byte, which are zero on the wire. So tables, flows
 * and routes tell the links apart without knowing of them, and because the two sum to zero in
 * ones' complement, a pseudo header's checksum is the same with them and without. */
#pragma once
#include <rte_byteorder.h>

#include <weir/addr.h>

/* Both groups of 16 bits together. */
static inline uint64_t zone_mask(void)
{
	return rte_cpu_to_be_64(0x0000ffffffff0000ull);
}

static inline bool zone_is_link_local(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* From the wire: false when the bytes that must be zero are not. Other addresses stay. */
static inline bool zone_enter(struct ip_addr *a, uint16_t port)
{
	uint64_t zone = port + 1u;

	if (!zone_is_link_local(a))
		return true;
	if (a->q[0] & zone_mask())
		return false;
	a->q[0] |= rte_cpu_to_be_64(zone << 32 | (~zone & 0xffff) << 16);
	return true;
}

/* To the wire. */
static inline struct ip_addr zone_leave(const struct ip_addr *a)
{
	struct ip_addr wire = *a;

	if (zone_is_link_local(a))
		wire.q[0] &= ~zone_mask();
	return wire;
}
