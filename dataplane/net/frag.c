/* frag.c - owns the datagrams in progress: found by hash, given up oldest first. */
#include "frag.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <rte_mbuf.h>

#include <base/mbq.h>

#define BUCKETS   256
#define UNIT      8 /* bytes: what offsets count in */
#define UNITS_MAX (FRAG_PAYLOAD_MAX / UNIT)
#define MAP_WORDS ((UNITS_MAX + 63) / 64)
#define ECN_CE    3

struct datagram {
	LIST_ENTRY(datagram) chain;  /* of its bucket */
	TAILQ_ENTRY(datagram) age;   /* among all */
	TAILQ_ENTRY(datagram) class; /* among its class */
	struct ip_addr src, dst;
	uint32_t id;
	uint8_t proto, ecn, next;
	uint16_t next_off;
	uint8_t class_index;
	uint8_t parts;
	uint64_t expires_us;
	struct rte_mbuf *m; /* NULL: poisoned, what still comes is dropped */
	uint16_t head_len;  /* 0: the first fragment is missing */
	uint16_t total;     /* 0: the last one is */
	uint16_t end;       /* of the furthest byte that is there */
	uint16_t units;     /* that are there */
	uint64_t map[MAP_WORDS];
};

TAILQ_HEAD(datagram_queue, datagram);
LIST_HEAD(datagram_list, datagram);

struct frag_table {
	struct rte_mempool *pool;
	struct counters *counters;
	uint64_t seed;
	unsigned n;
	struct datagram_queue ages, classes[FRAG_CLASSES];
	uint8_t class_size[FRAG_CLASSES];
	struct datagram_list free, buckets[BUCKETS];
	struct datagram all[FRAG_DATAGRAMS];
};

static_assert(FRAG_HEAD_MAX + FRAG_PAYLOAD_MAX <= 2048 + RTE_PKTMBUF_HEADROOM, "fits an mbuf");
static_assert(FRAG_PARTS < UINT8_MAX && FRAG_PER_CLASS < UINT8_MAX, "counted in bytes");

static uint64_t mix(uint64_t h)
{
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
	return h ^ (h >> 31);
}

static uint64_t source_hash(const struct frag_table *t, const struct frag_part *p)
{
	return mix(mix(t->seed ^ p->src.q[0]) ^ p->src.q[1]);
}

static struct datagram_list *bucket(struct frag_table *t, const struct frag_part *p)
{
	uint64_t h = mix(source_hash(t, p) ^ p->dst.q[0] ^ ((uint64_t)p->id << 8 | p->proto));

	return &t->buckets[mix(h ^ p->dst.q[1]) % BUCKETS];
}

static void release(struct frag_table *t, struct datagram *d)
{
	LIST_REMOVE(d, chain);
	TAILQ_REMOVE(&t->ages, d, age);
	TAILQ_REMOVE(&t->classes[d->class_index], d, class);
	t->class_size[d->class_index]--;
	rte_pktmbuf_free(d->m);
	LIST_INSERT_HEAD(&t->free, d, chain);
	t->n--;
}

static void give_up(struct frag_table *t, struct datagram *d, enum counter_id why)
{
	if (d->m)
		counter_add(t->counters, why, d->parts);
	release(t, d);
}

/* Its place is kept until its time is over, so that its other fragments do not begin anew. */
static void poison(struct frag_table *t, struct datagram *d, enum counter_id why)
{
	counter_add(t->counters, why, d->parts);
	rte_pktmbuf_free(d->m);
	d->m = NULL;
}

static struct datagram *find(struct frag_table *t, const struct frag_part *p)
{
	struct datagram *d;

	LIST_FOREACH(d, bucket(t, p), chain)
	if (d->id == p->id && d->proto == p->proto && ip_addr_eq(&d->src, &p->src) &&
	    ip_addr_eq(&d->dst, &p->dst))
		return d;
	return NULL;
}

/* A flood, with forged senders or one, costs others' datagrams only once it has filled the
 * table within the time that theirs need. */
static void make_room(struct frag_table *t, unsigned class)
{
	if (t->class_size[class] >= FRAG_PER_CLASS)
		give_up(t, TAILQ_FIRST(&t->classes[class]), CTR_DROP_FRAG_FULL);
	if (LIST_EMPTY(&t->free))
		give_up(t, TAILQ_FIRST(&t->ages), CTR_DROP_FRAG_FULL);
}

static struct datagram *begin(struct frag_table *t, uint64_t now_us, const struct frag_part *p)
{
	unsigned class = source_hash(t, p) % FRAG_CLASSES;
	struct rte_mbuf *m = rte_pktmbuf_alloc(t->pool);
	struct datagram *d;

	if (!m) {
		counter_inc(t->counters, CTR_DROP_NO_MBUF);
		return NULL;
	}
	make_room(t, class);
	d = LIST_FIRST(&t->free);
	LIST_REMOVE(d, chain);
	memset(d, 0, sizeof(*d));
	d->src = p->src;
	d->dst = p->dst;
	d->id = p->id;
	d->proto = p->proto;
	d->ecn = p->ecn;
	d->m = m;
	d->class_index = (uint8_t) class;
	d->expires_us = now_us + FRAG_TIMEOUT_US;
	LIST_INSERT_HEAD(bucket(t, p), d, chain);
	TAILQ_INSERT_TAIL(&t->ages, d, age);
	TAILQ_INSERT_TAIL(&t->classes[class], d, class);
	t->class_size[class]++;
	t->n++;
	return d;
}

/* The payload starts at a fixed place, its head right in front of it. */
static uint8_t *payload(const struct datagram *d)
{
	return (uint8_t *)d->m->buf_addr + FRAG_HEAD_MAX;
}

/* How many of n units from first on are there. */
static unsigned count_units(const struct datagram *d, unsigned first, unsigned n)
{
	unsigned found = 0;

	for (unsigned i = first; i < first + n; i++)
		found += d->map[i / 64] >> (i % 64) & 1;
	return found;
}

static unsigned units_of(uint32_t bytes)
{
	return (bytes + UNIT - 1) / UNIT;
}

/* Do the ends that the fragments claim agree with each other? */
static bool ends_agree(const struct datagram *d, const struct frag_part *p)
{
	uint32_t end = p->offset + p->len;

	if (d->total)
		return p->more ? end <= d->total : end == d->total;
	return p->more || end >= d->end;
}

static bool is_duplicate(const struct datagram *d, const struct frag_part *p, unsigned there)
{
	return there == units_of(p->len) && ends_agree(d, p) &&
	       memcmp(payload(d) + p->offset, p->data, p->len) == 0;
}

static void store(struct datagram *d, const struct frag_part *p)
{
	unsigned first = p->offset / UNIT, n = units_of(p->len);

	memcpy(payload(d) + p->offset, p->data, p->len);
	for (unsigned i = first; i < first + n; i++)
		d->map[i / 64] |= 1ull << (i % 64);
	d->units = (uint16_t)(d->units + n);
	d->end = (uint16_t)RTE_MAX((uint32_t)d->end, p->offset + p->len);
	if (!p->more)
		d->total = (uint16_t)(p->offset + p->len);
	if (p->offset == 0) {
		memcpy(payload(d) - p->head_len, p->head, p->head_len);
		d->head_len = (uint16_t)p->head_len;
		d->next = p->next;
		d->next_off = p->next_off;
	}
	if (p->ecn == ECN_CE) /* RFC 3168 section 5.3 */
		d->ecn = ECN_CE;
}

/* Whether p may become part of d; counted when not. */
static bool fits(struct frag_table *t, struct datagram *d, const struct frag_part *p)
{
	unsigned there;

	d->parts++;
	if (d->parts > FRAG_PARTS) {
		poison(t, d, CTR_DROP_FRAG_TINY);
		return false;
	}
	there = count_units(d, p->offset / UNIT, units_of(p->len));
	if (there == 0 && ends_agree(d, p))
		return true;
	if (is_duplicate(d, p, there)) {
		d->parts--;
		counter_inc(t->counters, CTR_DROP_FRAG_DUPLICATE);
		return false;
	}
	poison(t, d, CTR_DROP_FRAG_OVERLAP);
	return false;
}

/* The mbuf holds the head and n bytes. */
static struct rte_mbuf *show(struct datagram *d, uint16_t n, struct frag_whole *about)
{
	struct rte_mbuf *m = d->m;

	m->data_off = (uint16_t)(FRAG_HEAD_MAX - d->head_len);
	m->data_len = (uint16_t)(d->head_len + n);
	m->pkt_len = m->data_len;
	*about = (struct frag_whole){.src = d->src,
				     .dst = d->dst,
				     .id = d->id,
				     .ecn = d->ecn,
				     .next = d->next,
				     .head_len = d->head_len,
				     .next_off = d->next_off};
	return m;
}

static struct rte_mbuf *finish(struct frag_table *t, struct datagram *d, struct frag_whole *about)
{
	struct rte_mbuf *m = show(d, d->total, about);

	d->m = NULL;
	release(t, d);
	counter_inc(t->counters, CTR_NET_REASSEMBLED);
	return m;
}

/* What no datagram may have, or CTR_COUNT. */
static enum counter_id check(const struct frag_part *p)
{
	if (p->len == 0 || (p->more && p->len % UNIT))
		return CTR_DROP_FRAG_TINY;
	if (p->offset + p->len > FRAG_PAYLOAD_MAX || p->head_len > FRAG_HEAD_MAX)
		return CTR_DROP_FRAG_LONG;
	return CTR_COUNT;
}

struct rte_mbuf *frag_add(struct frag_table *t, uint64_t now_us, const struct frag_part *p,
			  struct frag_whole *about)
{
	enum counter_id why = check(p);
	struct datagram *d;

	if (why != CTR_COUNT) {
		counter_inc(t->counters, why);
		return NULL;
	}
	d = find(t, p);
	if (d && !d->m) {
		counter_inc(t->counters, CTR_DROP_FRAG_OVERLAP);
		return NULL;
	}
	if (!d)
		d = begin(t, now_us, p);
	if (!d || !fits(t, d, p))
		return NULL;
	store(d, p);
	return d->total && d->units == units_of(d->total) ? finish(t, d, about) : NULL;
}

/* Bytes in front of the first hole. */
static uint16_t first_bytes(const struct datagram *d)
{
	unsigned n = 0;

	while (n < UNITS_MAX && count_units(d, n, 1))
		n++;
	return (uint16_t)RTE_MIN(n * UNIT, d->end);
}

struct rte_mbuf *frag_expire(struct frag_table *t, uint64_t now_us, struct frag_whole *about)
{
	struct datagram *d;

	while ((d = TAILQ_FIRST(&t->ages)) && now_us >= d->expires_us) {
		struct rte_mbuf *m = NULL;

		if (d->m && d->head_len) {
			m = show(d, first_bytes(d), about);
			rte_mbuf_refcnt_update(m, 1);
		}
		give_up(t, d, CTR_DROP_FRAG_TIMEOUT);
		if (m)
			return m;
	}
	return NULL;
}

uint64_t frag_next_timer(const struct frag_table *t)
{
	const struct datagram *d = TAILQ_FIRST(&t->ages);

	return d ? d->expires_us : UINT64_MAX;
}

unsigned frag_count(const struct frag_table *t)
{
	return t->n;
}

struct frag_table *frag_table_create(struct rte_mempool *pool, struct counters *counters,
				     uint64_t seed)
{
	struct frag_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->pool = pool;
	t->counters = counters;
	t->seed = seed;
	TAILQ_INIT(&t->ages);
	for (unsigned i = 0; i < FRAG_CLASSES; i++)
		TAILQ_INIT(&t->classes[i]);
	for (unsigned i = 0; i < FRAG_DATAGRAMS; i++)
		LIST_INSERT_HEAD(&t->free, &t->all[i], chain);
	return t;
}

void frag_table_destroy(struct frag_table *t)
{
	if (!t)
		return;
	for (struct datagram *d; (d = TAILQ_FIRST(&t->ages));)
		release(t, d);
	free(t);
}
