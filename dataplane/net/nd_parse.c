/* nd_parse.c - Neighbour Discovery messages (RFC 4861 section 4) as others write them. */
#include "pkt6.h"

#define ND_OPTIONS_MAX 32 /* in one message: nobody sends a third of it */

/* Bytes in front of the options, by message. */
static uint32_t fixed_len(uint8_t type)
{
	switch (type) {
	case ND_ROUTER_SOLICIT:
		return 8;
	case ND_ROUTER_ADVERT:
		return 16;
	case ND_SOLICIT:
	case ND_ADVERT:
		return 24;
	default:
		return 0;
	}
}

static void take_option(const uint8_t *o, uint32_t size, struct nd_message *out)
{
	uint8_t mac_option = out->type == ND_ADVERT ? ND_TARGET_MAC : ND_SOURCE_MAC;

	if (o[0] == mac_option && size == 8) {
		memcpy(&out->mac, o + 2, sizeof(out->mac));
		out->has_mac = true;
	} else if (o[0] == ND_MTU && size == 8 && out->type == ND_ROUTER_ADVERT) {
		memcpy(&out->mtu, o + 4, 4);
		out->mtu = rte_be_to_cpu_32(out->mtu);
	}
}

static bool take_options(const uint8_t *data, uint32_t at, uint32_t len, struct nd_message *out)
{
	for (unsigned n = 0; at < len; n++) {
		uint32_t size;

		if (n == ND_OPTIONS_MAX || at + 8 > len)
			return false;
		size = data[at + 1] * 8u;
		if (size == 0 || at + size > len)
			return false;
		take_option(data + at, size, out);
		at += size;
	}
	/* One that no host can have makes the message as good as forged. */
	return !out->has_mac || rte_is_valid_assigned_ether_addr(&out->mac);
}

int pkt_parse_nd(const uint8_t *data, uint32_t len, struct nd_message *out)
{
	uint32_t fixed;

	memset(out, 0, sizeof(*out));
	if (len < 8 || data[1] != 0)
		return -CTR_DROP_ND;
	out->type = data[0];
	fixed = fixed_len(out->type);
	if (fixed == 0 || len < fixed || !take_options(data, fixed, len, out))
		return -CTR_DROP_ND;
	out->flags = data[4];
	if (out->type == ND_ROUTER_ADVERT) {
		memcpy(&out->lifetime_s, data + 6, 2);
		out->lifetime_s = rte_be_to_cpu_16(out->lifetime_s);
	}
	if (fixed < 24)
		return (int)len;
	memcpy(&out->target, data + 8, sizeof(out->target));
	if (ip6_is_multicast(&out->target))
		return -CTR_DROP_ND;
	return (int)len;
}
