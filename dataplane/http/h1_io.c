/* h1_io.c - moving heads and bodies between mbuf queues; owns nothing. */
#include <http/h1_io.h>

#include <errno.h>

/* The first bytes of q as contiguous memory, more of them than were scanned before: the first
 * mbuf alone if it holds that many, else as much as fits into lin. */
static struct slice head_bytes(const struct mbq *q, uint32_t scanned, struct h1_linear *lin)
{
	uint32_t n = 0;

	if (q->n == 1 || scanned < q->head->data_len)
		return slice_of(rte_pktmbuf_mtod(q->head, const char *), q->head->data_len);
	for (struct rte_mbuf *m = q->head; m && n < lin->size; m = pkt_priv(m)->next) {
		uint32_t part = RTE_MIN((uint32_t)m->data_len, lin->size - n);

		memcpy(lin->buf + n, rte_pktmbuf_mtod(m, char *), part);
		n += part;
	}
	return slice_of(lin->buf, n);
}

struct reading {
	struct http_head *h;
	const struct h1_limits *lim;
	enum http_method method;
	bool response;
};

static int parse(const struct reading *r, struct slice b, uint32_t scanned)
{
	return r->response ? h1_parse_response(r->h, b.p, b.n, scanned, r->lim, r->method)
			   : h1_parse_request(r->h, b.p, b.n, scanned, r->lim);
}

static int read_head(const struct reading *r, const struct mbq *q, uint32_t *scanned,
		     struct h1_linear *lin)
{
	uint32_t all = RTE_MIN(q->bytes, lin->size);

	while (*scanned < all) {
		struct slice b = head_bytes(q, *scanned, lin);
		int used = parse(r, b, *scanned);

		if (used != 0)
			return used;
		*scanned = b.n;
	}
	return 0;
}

int h1_read_request(struct http_head *h, const struct mbq *q, uint32_t *scanned,
		    struct h1_linear *lin, const struct h1_limits *lim)
{
	struct reading r = {.h = h, .lim = lim};

	return read_head(&r, q, scanned, lin);
}

int h1_read_response(struct http_head *h, const struct mbq *q, uint32_t *scanned,
		     struct h1_linear *lin, const struct h1_limits *lim,
		     enum http_method request_method)
{
	struct reading r = {.h = h, .lim = lim, .method = request_method, .response = true};

	return read_head(&r, q, scanned, lin);
}

/* A copy or an indirect mbuf of the first n bytes of m. */
static struct rte_mbuf *front_of(struct rte_mbuf *m, uint32_t n, struct rte_mempool *pool)
{
	struct rte_mbuf *part = rte_pktmbuf_alloc(pool);

	if (!part)
		return NULL;
	if (n <= H1_COPY_BREAK) {
		memcpy(rte_pktmbuf_append(part, (uint16_t)n), rte_pktmbuf_mtod(m, char *), n);
		return part;
	}
	rte_pktmbuf_attach(part, m);
	part->data_len = (uint16_t)n;
	part->pkt_len = n;
	return part;
}

bool h1_share(const struct mbq *from, struct mbq *to, struct rte_mempool *pool)
{
	for (struct rte_mbuf *m = from->head; m; m = pkt_priv(m)->next) {
		struct rte_mbuf *part = front_of(m, m->data_len, pool);

		if (!part)
			return false;
		mbq_push(to, part);
	}
	return true;
}

bool h1_take_bytes(struct mbq *from, uint32_t n, struct mbq *to, struct rte_mempool *pool)
{
	struct rte_mbuf *m = from->head, *part = NULL;
	uint32_t rest = n;

	while (m && rest >= m->data_len) {
		rest -= m->data_len;
		m = pkt_priv(m)->next;
	}
	if (rest && !(part = front_of(m, rest, pool)))
		return false;
	while (from->head != m)
		mbq_push(to, mbq_pop(from));
	if (part) {
		mbq_push(to, part);
		mbq_trim(from, rest);
	}
	return true;
}

int h1_body_take(struct h1_body *b, struct mbq *in, uint32_t max, struct mbq *data, uint32_t *used,
		 struct rte_mempool *pool)
{
	uint32_t start = data->bytes;

	*used = 0;
	while (!b->done && in->head && data->bytes - start < max) {
		uint32_t skip, n;
		int took = h1_body_parse(b, rte_pktmbuf_mtod(in->head, char *), in->head->data_len,
					 &skip, &n);

		if (took < 0)
			return took;
		mbq_trim(in, skip);
		*used += skip;
		if (n && !h1_take_bytes(in, n, data, pool))
			return -ENOMEM;
		*used += n;
	}
	return 0;
}

bool h1_append_bytes(struct mbq *q, struct slice s, struct rte_mempool *pool)
{
	struct rte_mbuf *m = q->tail;

	if (!m || !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1 ||
	    rte_pktmbuf_tailroom(m) < s.n) {
		m = rte_pktmbuf_alloc(pool);
		if (!m)
			return false;
		memcpy(rte_pktmbuf_append(m, (uint16_t)s.n), s.p, s.n);
		mbq_push(q, m);
		return true;
	}
	memcpy(rte_pktmbuf_append(m, (uint16_t)s.n), s.p, s.n);
	pkt_changed(m);
	q->bytes += s.n;
	return true;
}

/* "1a2b\r\n": returns its length, at most 10. */
static unsigned write_size_line(char *line, uint32_t v)
{
	unsigned digits = v ? (35 - (unsigned)__builtin_clz(v)) / 4 : 1;

	for (unsigned i = digits; i-- > 0; v >>= 4)
		line[i] = "0123456789abcdef"[v & 15];
	line[digits] = '\r';
	line[digits + 1] = '\n';
	return digits + 2;
}

bool h1_chunk_encode(struct mbq *data, struct rte_mempool *pool)
{
	struct rte_mbuf *first = data->head;
	char line[10];
	unsigned n = write_size_line(line, data->bytes);

	if (!h1_append_bytes(data, SLICE("\r\n"), pool))
		return false;
	/* In front of the payload lie only the headers it arrived with. */
	if (RTE_MBUF_DIRECT(first) && rte_mbuf_refcnt_read(first) == 1 &&
	    rte_pktmbuf_headroom(first) >= RTE_PKTMBUF_HEADROOM + n) {
		memcpy(rte_pktmbuf_prepend(first, (uint16_t)n), line, n);
		pkt_changed(first);
		data->bytes += n;
		return true;
	}

	struct mbq framed;

	mbq_init(&framed);
	if (!h1_append_bytes(&framed, slice_of(line, n), pool))
		return false;
	mbq_append(&framed, data);
	*data = framed;
	return true;
}
