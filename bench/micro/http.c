/* http.c - cycles to parse typical heads, to normalise paths, to walk a chunked body and to write
 * heads. */
#include <rte_common.h>
#include <rte_mempool.h>

#include <http/h1.h>
#include <http/path.h>

#include "bench.h"
#include "heads.h"

#define BATCH 64

/* One operation on `in`. */
struct codec {
	struct slice in;
	struct rte_mempool *pool;
	struct http_head head;
	uint64_t bytes; /* of all operations: what is counted is not optimised away */
};

static const struct h1_limits limits = {.max_head_bytes = 61440, .max_fields = 100};

static void parse_request(void *arg, unsigned n)
{
	struct codec *c = arg;

	for (unsigned i = 0; i < n; i++)
		c->bytes += (uint64_t)h1_parse_request(&c->head, c->in.p, c->in.n, 0, &limits);
}

static void parse_response(void *arg, unsigned n)
{
	struct codec *c = arg;

	for (unsigned i = 0; i < n; i++)
		c->bytes += (uint64_t)h1_parse_response(&c->head, c->in.p, c->in.n, 0, &limits,
							HTTP_GET);
}

static void normalize_path(void *arg, unsigned n)
{
	struct codec *c = arg;
	static char out[256 * HTTP_PATH_GROWTH];

	for (unsigned i = 0; i < n; i++) {
		c->head.path = c->in;
		c->head.path_len = c->in.n;
		http_path_normalize(&c->head, PATH_BASE, out);
		c->bytes += c->head.path.n;
	}
}

static void walk_chunks(void *arg, unsigned n)
{
	const struct http_head h = {.framing = HTTP_BODY_CHUNKED};
	struct codec *c = arg;
	uint32_t skip, data;

	for (unsigned i = 0; i < n; i++) {
		struct h1_body body;
		uint32_t at = 0;

		h1_body_init(&body, &h);
		while (!body.done)
			at += (uint32_t)h1_body_parse(&body, c->in.p + at, c->in.n - at, &skip,
						      &data);
		c->bytes += at;
	}
}

/* The fields of the head that was parsed last. */
static void write_head(void *arg, unsigned n)
{
	struct codec *c = arg;

	for (unsigned i = 0; i < n; i++) {
		struct h1_writer w;
		struct mbq out;

		mbq_init(&out);
		h1_write_begin(&w, c->pool);
		h1_write(&w, SLICE("GET /productpage HTTP/1.1\r\n"));
		for (unsigned f = 0; f < c->head.n_fields; f++)
			h1_write_field(&w, c->head.fields[f].name, c->head.fields[f].value);
		h1_write(&w, SLICE("\r\n"));
		h1_write_end(&w, &out);
		c->bytes += out.bytes;
		mbq_free(&out);
	}
}

static void measure(struct codec *c, const char *name, void (*run)(void *, unsigned),
		    struct slice in)
{
	c->in = in;
	c->bytes = 0;
	bench_measure(&(struct bench_case){.name = name, .run = run, .arg = c, .batch = BATCH});
	bench_require(c->bytes > 0, "heads are read and written");
}

int main(int argc, char **argv)
{
	static const char chunks[] = "10\r\n0123456789abcdef\r\n8;a=b\r\n01234567\r\n0\r\n\r\n";
	struct codec c = {0};

	bench_init(argc, argv, "http", "http", BENCH_EAL_MIB);
	c.pool = bench_create_pool(1023);
	measure(&c, "parse_response", parse_response, SLICE(small_response));
	measure(&c, "body_chunked", walk_chunks, SLICE(chunks));
	measure(&c, "parse_request_wrk", parse_request, SLICE(wrk_request));
	measure(&c, "write_head_wrk", write_head, SLICE(wrk_request));
	measure(&c, "parse_request_browser", parse_request, SLICE(browser_request));
	measure(&c, "write_head_browser", write_head, SLICE(browser_request));
	measure(&c, "path_normal", normalize_path, SLICE("/shop/1000/items/productpage"));
	measure(&c, "path_with_dots", normalize_path, SLICE("/shop/../%61/./items/productpage"));
	rte_mempool_free(c.pool);
	return bench_exit();
}
