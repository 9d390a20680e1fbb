/* h1_write.c - serialises heads into mbufs.
 *
 * The lengths of the mbuf being written live in the writer's p; seal() puts them where DPDK and
 * mbq look for them when the next mbuf is begun or the head ends. */
#include <http/h1.h>

#include <emmintrin.h>

#define UINT_DIGITS 20

void h1_write_begin(struct h1_writer *w, struct rte_mempool *pool)
{
	w->pool = pool;
	mbq_init(&w->out);
	w->p = w->end = NULL;
	w->failed = false;
}

/* Fixes the lengths of the last mbuf, which was queued empty. */
static void seal(struct h1_writer *w)
{
	struct rte_mbuf *m = w->out.tail;

	if (!m)
		return;
	m->data_len = (uint16_t)(w->p - rte_pktmbuf_mtod(m, char *));
	m->pkt_len = m->data_len;
	w->out.bytes += m->data_len;
}

/* A fresh mbuf to write into. */
static bool spill(struct h1_writer *w)
{
	struct rte_mbuf *m;
	uint32_t room;

	seal(w);
	m = w->failed ? NULL : rte_pktmbuf_alloc(w->pool);
	if (!m) {
		w->failed = true;
		w->p = w->end = NULL;
		return false;
	}
	mbq_push(&w->out, m);
	room = rte_pktmbuf_tailroom(m);
	w->p = rte_pktmbuf_mtod(m, char *);
	w->end = w->p + RTE_MIN(room, (uint32_t)H1_WRITE_SEGMENT);
	return true;
}

static size_t room(const struct h1_writer *w)
{
	return (size_t)(w->end - w->p);
}

static __attribute__((noinline)) void write_pieces(struct h1_writer *w, struct slice s)
{
	while (s.n) {
		uint32_t n;

		if (!room(w) && !spill(w))
			return;
		n = room(w) < s.n ? (uint32_t)room(w) : s.n;
		memcpy(w->p, s.p, n);
		w->p += n;
		s = slice_of(s.p + n, s.n - n);
	}
}

void h1_write(struct h1_writer *w, struct slice s)
{
	if (s.n == 0)
		return;
	if (room(w) < s.n) {
		write_pieces(w, s);
		return;
	}
	memcpy(w->p, s.p, s.n);
	w->p += s.n;
}

void h1_write_uint(struct h1_writer *w, uint64_t v)
{
	char digits[UINT_DIGITS], *p = digits + UINT_DIGITS;

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	h1_write(w, slice_of(p, (uint32_t)(digits + UINT_DIGITS - p)));
}

/* Sixteen characters: sets bit 5 of "A" to "Z". */
static void lower16(char *to, const char *from)
{
	__m128i v = _mm_loadu_si128((const __m128i *)from);
	/* Signed compare against a range moved to the bottom of it. */
	__m128i moved = _mm_sub_epi8(v, _mm_set1_epi8((char)('A' + 128)));
	__m128i upper = _mm_cmplt_epi8(moved, _mm_set1_epi8(-128 + 26));

	v = _mm_or_si128(v, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
	_mm_storeu_si128((__m128i *)to, v);
}

/* Eight characters of 7 bits (a token has no others): same, in a word. */
static void lower8(char *to, const char *from)
{
	const uint64_t ones = 0x0101010101010101ull;
	uint64_t v, upper;

	memcpy(&v, from, sizeof(v));
	upper = (v + ones * (128 - 'A')) & ~(v + ones * (127 - 'Z')) & (ones << 7);
	v |= upper >> 2;
	memcpy(to, &v, sizeof(v));
}

/* The last block overlaps the one before instead of reading past the name. */
static void copy_lower(char *to, const char *from, uint32_t n)
{
	uint32_t i = 0;

	if (n >= 16) {
		for (; i + 16 < n; i += 16)
			lower16(to + i, from + i);
		lower16(to + n - 16, from + n - 16);
	} else if (n >= 8) {
		lower8(to, from);
		lower8(to + n - 8, from + n - 8);
	} else {
		for (; i < n; i++)
			to[i] = ascii_lower(from[i]);
	}
}

/* A name that does not fit into the room left. */
static __attribute__((noinline)) void write_lower_pieces(struct h1_writer *w, struct slice name)
{
	for (uint32_t i = 0; i < name.n; i++) {
		if (!room(w) && !spill(w))
			return;
		*w->p++ = ascii_lower(name.p[i]);
	}
}

void h1_write_field(struct h1_writer *w, struct slice name, struct slice value)
{
	char *p = w->p;

	if (room(w) < (size_t)name.n + value.n + 4) {
		write_lower_pieces(w, name);
		h1_write(w, SLICE(": "));
		h1_write(w, value);
		h1_write(w, SLICE("\r\n"));
		return;
	}
	copy_lower(p, name.p, name.n);
	p += name.n;
	*p++ = ':';
	*p++ = ' ';
	if (value.n) /* an empty slice may have no pointer */
		memcpy(p, value.p, value.n);
	p += value.n;
	*p++ = '\r';
	*p++ = '\n';
	w->p = p;
}

bool h1_write_end(struct h1_writer *w, struct mbq *out)
{
	if (w->failed) {
		mbq_free(&w->out);
		return false;
	}
	seal(w);
	mbq_append(out, &w->out);
	w->p = w->end = NULL;
	return true;
}
