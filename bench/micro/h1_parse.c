/* h1_parse.c - cycles to parse typical heads, walk a chunked body and write a head.
 *
 * One JSON line per case: the median over many runs of a fixed batch. The processor should be
 * otherwise idle; the numbers are TSC cycles. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include <http/h1.h>

#define RUNS  2001
#define BATCH 64 /* operations between two readings of the clock */

static const char wrk_request[] = "GET /productpage HTTP/1.1\r\n"
				  "Host: bookinfo.example:80\r\n"
				  "User-Agent: wrk/4.1.0\r\n"
				  "Accept: */*\r\n"
				  "\r\n";

static const char browser_request[] =
	"GET /api/v1/products/17/reviews?page=2&sort=date HTTP/1.1\r\n"
	"Host: bookinfo.example\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
	"\r\n";

static const char small_response[] = "HTTP/1.1 200 OK\r\n"
				     "Content-Type: application/json\r\n"
				     "Content-Length: 64\r\n"
				     "Date: Mon, 06 May 2024 10:00:00 GMT\r\n"
				     "Server: backend\r\n"
				     "\r\n";

struct bench {
	const char *name;
	uint64_t (*op)(const struct bench *b);
	struct slice in;
	struct rte_mempool *pool;
};

static const struct h1_limits limits = {.max_head_bytes = 61440, .max_fields = 100};
static struct http_head head;

static uint64_t parse_request(const struct bench *b)
{
	return (uint64_t)h1_parse_request(&head, b->in.p, b->in.n, 0, &limits);
}

static uint64_t parse_response(const struct bench *b)
{
	return (uint64_t)h1_parse_response(&head, b->in.p, b->in.n, 0, &limits, HTTP_GET);
}

static uint64_t walk_chunks(const struct bench *b)
{
	const struct http_head h = {.framing = HTTP_BODY_CHUNKED};
	uint32_t at = 0, skip, data;
	struct h1_body body;

	h1_body_init(&body, &h);
	while (!body.done)
		at += (uint32_t)h1_body_parse(&body, b->in.p + at, b->in.n - at, &skip, &data);
	return at;
}

/* Writes the fields of the head that was parsed last. */
static uint64_t write_head(const struct bench *b)
{
	struct h1_writer w;
	struct mbq out;
	uint64_t n;

	mbq_init(&out);
	h1_write_begin(&w, b->pool);
	h1_write(&w, SLICE("GET /productpage HTTP/1.1\r\n"));
	for (unsigned i = 0; i < head.n_fields; i++)
		h1_write_field(&w, head.fields[i].name, head.fields[i].value);
	h1_write(&w, SLICE("\r\n"));
	h1_write_end(&w, &out);
	n = out.bytes;
	mbq_free(&out);
	return n;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void run(const struct bench *b)
{
	static uint64_t samples[RUNS];
	uint64_t used = 0;

	for (unsigned i = 0; i < RUNS; i++) {
		uint64_t start = rte_rdtsc_precise();

		for (unsigned k = 0; k < BATCH; k++)
			used += b->op(b);
		samples[i] = rte_rdtsc_precise() - start;
	}
	qsort(samples, RUNS, sizeof(samples[0]), by_value);
	printf("{\"bench\": \"%s\", \"bytes\": %" PRIu64 ", \"cycles_per_op\": %.1f}\n", b->name,
	       used / RUNS / BATCH, (double)samples[RUNS / 2] / BATCH);
}

static struct rte_mempool *start_eal(void)
{
	static char words[][20] = {
		"bench", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"-l",    "0",         "-m",          "64",       "--log-level=error"};
	char *args[RTE_DIM(words)];

	for (size_t i = 0; i < RTE_DIM(words); i++)
		args[i] = words[i];
	if (rte_eal_init(RTE_DIM(args), args) < 0)
		return NULL;
	return rte_pktmbuf_pool_create("heads", 255, 32, RTE_ALIGN(sizeof(struct pkt_priv), 8),
				       RTE_MBUF_DEFAULT_BUF_SIZE, 0);
}

int main(void)
{
	static const char chunks[] = "10\r\n0123456789abcdef\r\n8;a=b\r\n01234567\r\n0\r\n\r\n";
	struct rte_mempool *pool = start_eal();
	const struct bench benches[] = {
		{"h1_parse_response", parse_response, SLICE(small_response), pool},
		{"h1_body_chunked", walk_chunks, SLICE(chunks), pool},
		{"h1_parse_request_wrk", parse_request, SLICE(wrk_request), pool},
		{"h1_write_head_wrk", write_head, SLICE(""), pool},
		{"h1_parse_request_browser", parse_request, SLICE(browser_request), pool},
		{"h1_write_head_browser", write_head, SLICE(""), pool},
	};

	if (!pool)
		return 1;
	for (size_t i = 0; i < RTE_DIM(benches); i++)
		run(&benches[i]);
	rte_mempool_free(pool);
	return rte_eal_cleanup() ? 1 : 0;
}
