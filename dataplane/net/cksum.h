/* cksum.h - the Internet checksum (RFC 1071) over buffers of any length and alignment.
 *
 * Sums are kept as 64 bits of native-order 16-bit words and folded once, at the end: the
 * ones' complement sum does not depend on the order of bytes as long as the result is
 * stored the way the words were loaded. */
#pragma once
#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

#include <weir/addr.h>

/* Sixteen bytes a step: 32-bit words go into 64-bit lanes, which cannot overflow. */
static inline uint64_t cksum_blocks(const uint8_t *p, size_t blocks)
{
	__m128i zero = _mm_setzero_si128(), even = zero, odd = zero;
	uint64_t lane[2];

	for (size_t i = 0; i < blocks; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));

		even = _mm_add_epi64(even, _mm_unpacklo_epi32(v, zero));
		odd = _mm_add_epi64(odd, _mm_unpackhi_epi32(v, zero));
	}
	_mm_storeu_si128((__m128i *)(void *)lane, _mm_add_epi64(even, odd));
	return lane[0] + lane[1];
}

static inline uint64_t cksum_add_short(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t blocks = len / 16;

	sum += cksum_blocks(p, blocks);
	for (p += 16 * blocks, len %= 16; len >= 2; p += 2, len -= 2) {
		uint16_t word;

		memcpy(&word, p, 2);
		sum += word;
	}
	if (len)
		sum += *p; /* the missing byte is zero: little-endian, so it is the high one */
	return sum;
}

/* From this length on a call pays. */
#define CKSUM_LONG 256

uint64_t cksum_add_long(uint64_t sum, const void *data, size_t len);

/* Adds len bytes that begin at an even offset of what is summed. */
static inline uint64_t cksum_add(uint64_t sum, const void *data, size_t len)
{
	return len < CKSUM_LONG ? cksum_add_short(sum, data, len) : cksum_add_long(sum, data, len);
}

static inline uint16_t cksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

/* What goes into a checksum field, and what a verified sum gives as 0. */
static inline uint16_t cksum_finish(uint64_t sum)
{
	return (uint16_t)~cksum_fold(sum);
}

/* Adds a whole packet. A segment that begins at an odd offset is summed apart and its bytes
 * swapped (RFC 1071 section 2(B)). */
static inline uint64_t cksum_add_chain(uint64_t sum, const struct rte_mbuf *m)
{
	uint32_t at = 0;

	for (; m; at += m->data_len, m = m->next) {
		const void *p = rte_pktmbuf_mtod(m, const void *);

		if (at & 1)
			sum += __builtin_bswap16(cksum_fold(cksum_add(0, p, m->data_len)));
		else
			sum = cksum_add(sum, p, m->data_len);
	}
	return sum;
}

/* IPv4's pseudo header (RFC 9293 section 3.1); src and dst in network order, len the
 * bytes of the upper layer's header and payload. */
static inline uint64_t cksum_pseudo_v4(uint32_t src, uint32_t dst, uint8_t proto, uint16_t len)
{
	return (uint64_t)src + dst + __builtin_bswap16(proto) + __builtin_bswap16(len);
}

/* The pseudo header of either family (RFC 9293 section 3.1, RFC 8200 section 8.1); len is the
 * bytes of the upper layer's header and payload. An IPv4 address's mapped form adds 0xffff to
 * its own sum, which is nothing in ones' complement. */
static inline uint64_t cksum_pseudo(const struct ip_addr *src, const struct ip_addr *dst,
				    uint8_t proto, uint16_t len)
{
	uint64_t sum = (uint64_t)__builtin_bswap16(proto) + __builtin_bswap16(len);

	for (unsigned i = 0; i < 4; i++)
		sum += (uint64_t)src->w[i] + dst->w[i];
	return sum;
}
