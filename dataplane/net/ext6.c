/* ext6.c - IPv6's extension headers (RFC 8200 section 4), walked with limits. */
#include "pkt6.h"

#define OPTION_PAD1 0
#define OPTION_PADN 1

#define PROBLEM_FIELD  0 /* codes of a parameter problem */
#define PROBLEM_OPTION 2

struct walk {
	const uint8_t *packet;
	struct ip6_problem *problem;
	uint32_t end; /* of the packet */
	uint32_t at;  /* of the present header */
	uint32_t size;
	bool to_group;
};

static int refuse(struct walk *w, uint8_t code, uint32_t at)
{
	*w->problem = (struct ip6_problem){!w->to_group, code, (uint16_t)at};
	return -CTR_DROP_IP_EXTENSION;
}

/* The two highest bits of an option that we do not know, which is all but padding, say what to
 * do with the packet (RFC 8200 section 4.2). */
static int judge_option(struct walk *w, uint32_t at)
{
	switch (w->packet[at] >> 6) {
	case 0:
		return 0;
	case 1:
		return -CTR_DROP_IP_EXTENSION;
	case 2: /* tell, also when it went to a group */
		*w->problem = (struct ip6_problem){true, PROBLEM_OPTION, (uint16_t)at};
		return -CTR_DROP_IP_EXTENSION;
	default:
		return refuse(w, PROBLEM_OPTION, at);
	}
}

static int check_options(struct walk *w)
{
	uint32_t end = w->at + w->size;

	for (uint32_t at = w->at + 2; at < end;) {
		int rc;

		if (w->packet[at] == OPTION_PAD1) {
			at++;
			continue;
		}
		if (at + 2 > end || at + 2 + w->packet[at + 1] > end)
			return -CTR_DROP_IP_EXTENSION;
		rc = w->packet[at] == OPTION_PADN ? 0 : judge_option(w, at);
		if (rc < 0)
			return rc;
		at += 2u + w->packet[at + 1];
	}
	return 0;
}

/* Nothing is left to route here; type 0 is refused even so (RFC 5095). */
static int check_routing(struct walk *w)
{
	const uint8_t *h = w->packet + w->at;

	return h[2] == 0 || h[3] != 0 ? refuse(w, PROBLEM_FIELD, w->at + 2) : 0;
}

/* Does it say that there are others? One that is the whole packet (RFC 6946) is as if it were
 * not there. */
static bool is_partial(const uint8_t *h)
{
	return h[2] || (h[3] & 0xf9);
}

/* Places w at the header that begins at w->at. */
static bool measure(struct walk *w, uint8_t proto)
{
	if (w->at + 8 > w->end)
		return false;
	w->size = proto == EXT_FRAGMENT ? 8 : (w->packet[w->at + 1] + 1u) * 8;
	return w->at + w->size <= w->end && w->at + w->size <= IPV6_HDR + EXT_BYTES_MAX;
}

static int check_header(struct walk *w, uint8_t proto, unsigned nth)
{
	if (proto == EXT_FRAGMENT)
		return 0;
	if (proto == EXT_ROUTING)
		return check_routing(w);
	if (proto == EXT_HOP_BY_HOP && nth > 0)
		return refuse(w, ICMP6_CODE_HEADER, w->at);
	return check_options(w);
}

int pkt_walk_extensions(const uint8_t *packet, struct ip_packet *out, struct ip6_problem *problem)
{
	struct walk w = {.packet = packet,
			 .problem = problem,
			 .end = out->total_len,
			 .at = IPV6_HDR,
			 .to_group = ip6_is_multicast(&out->dst)};

	for (unsigned nth = 0; pkt_is_extension(out->proto); nth++) {
		int rc;

		if (nth == EXT_HEADERS_MAX || !measure(&w, out->proto))
			return -CTR_DROP_IP_EXTENSION;
		rc = check_header(&w, out->proto, nth);
		if (rc < 0)
			return rc;
		if (out->proto == EXT_FRAGMENT && is_partial(packet + w.at)) {
			out->fragment = true;
			break;
		}
		out->proto = packet[w.at];
		problem->at = (uint16_t)w.at;
		w.at += w.size;
	}
	out->hdr_len = (uint16_t)w.at;
	return (int)w.at;
}
