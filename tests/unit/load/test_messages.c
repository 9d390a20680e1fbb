/* test_messages.c - any piece of a request or an answer, made again, is what it was, and so is
 * its checksum. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <answer.h>
#include <backend.h>
#include <request.h>

#define PIECE_MAX 1448

static struct pattern pattern;
static struct answers answers = {.pattern = &pattern};

static int setup(void **state)
{
	(void)state;
	pattern_init(&pattern);
	return 0;
}

static void init_request(struct request *r, const char *path, uint32_t count, uint32_t upload)
{
	const struct options o = {.path = path,
				  .path_count = count,
				  .connections = 7,
				  .target = 0xc6120001,
				  .upload = upload};

	assert_true(request_init(r, &o, &pattern));
}

/* The stream of connection 3, n bytes of it. */
static void read_stream(const struct request *r, uint8_t *out, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += r->total) {
		uint8_t buf[REQUEST_HEAD_MAX + PIECE_MAX];
		uint64_t sum = request_fill(r, 3, at / r->total, 0, buf, r->total);

		assert_int_equal(cksum_fold(sum), cksum_fold(cksum_add(0, buf, r->total)));
		memcpy(out + at, buf, RTE_MIN(r->total, n - at));
	}
}

static void check_request_pieces(const char *path, uint32_t count, uint32_t upload)
{
	uint8_t stream[4096], buf[PIECE_MAX + 16];
	struct request r;

	init_request(&r, path, count, upload);
	read_stream(&r, stream, sizeof(stream));
	for (uint32_t at = 0; at < 2000; at += 1 + at % 13) {
		for (uint32_t n = 1; n <= PIECE_MAX; n += 1 + n / 3) {
			uint64_t sum = request_fill(&r, 3, 0, at, buf, n);

			assert_memory_equal(buf, stream + at, n);
			assert_int_equal(cksum_fold(sum), cksum_fold(cksum_add(0, buf, n)));
		}
	}
}

static void request_pieces(void **state)
{
	(void)state;
	check_request_pieces("/bytes/64", 1, 0);
	check_request_pieces("/r/%n/x", 12345, 0);
	check_request_pieces("/up", 1, 777);
	check_request_pieces("/up/%n", 10, 100);
}

static void numbers_go_round_in_turn(void **state)
{
	bool seen[1000] = {false};
	struct request r;
	uint8_t buf[REQUEST_HEAD_MAX + 16];
	char path[32];

	(void)state;
	init_request(&r, "/r%n", 1000, 0);
	for (uint32_t k = 0; k < 1000; k++) {
		for (uint32_t conn = 0; conn < 7 && 7 * k + conn < 1000; conn++) {
			uint32_t number = request_number(&r, conn, k);
			struct http_head h;

			assert_int_equal(number, 7 * k + conn);
			assert_false(seen[number]);
			seen[number] = true;
			request_fill(&r, conn, k, 0, buf, r.head_len);
			assert_int_equal(http_read_request(buf, r.head_len, &h), (int)r.head_len);
			snprintf(path, sizeof(path), "/r%u", number);
			assert_int_equal(h.path_len, strlen(path));
			assert_memory_equal(h.path, path, h.path_len);
		}
	}
}

static void answer_pieces(void **state)
{
	static const uint32_t kinds[] = {0,
					 1,
					 64,
					 65,
					 1000,
					 3000,
					 ANSWER_FLIPPED | 64,
					 ANSWER_FLIPPED | 2999,
					 ANSWER_LONGER | 64,
					 ANSWER_UNAVAILABLE | ANSWER_CLOSE | 16};
	static uint8_t whole[8192], buf[8192];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
		const struct answer *e = answer_get(&answers, kinds[i]);
		struct emit all = {.at = whole};

		answer_emit(&answers, e, 0, e->total, &all);
		assert_int_equal(all.n, e->total);
		assert_int_equal(cksum_fold(all.sum), cksum_fold(cksum_add(0, whole, e->total)));
		for (uint32_t at = 0; at < e->total; at += 1 + at / 5) {
			for (uint32_t n = 1; n <= e->total - at; n += 1 + n / 4) {
				struct emit piece = {.at = buf};

				answer_emit(&answers, e, at, n, &piece);
				assert_memory_equal(buf, whole + at, n);
				assert_int_equal(cksum_fold(piece.sum),
						 cksum_fold(cksum_add(0, buf, n)));
			}
		}
	}
}

static void a_flipped_answer_has_one_wrong_byte(void **state)
{
	const struct answer *e = answer_get(&answers, ANSWER_FLIPPED | 64);
	unsigned wrong = 0;

	(void)state;
	for (uint32_t i = 0; i < 64; i++)
		wrong += e->bytes[e->head_len + i] != pattern.bytes[i];
	assert_int_equal(wrong, 1);
}

static uint32_t plan_of(const char *head, struct request_plan *plan)
{
	static uint8_t buf[512];
	struct http_head h;

	memcpy(buf, head, strlen(head));
	assert_true(http_read_request(buf, (uint32_t)strlen(head), &h) > 0);
	backend_plan(&h, plan);
	return plan->kind;
}

static void what_requests_mean(void **state)
{
	struct request_plan p;

	(void)state;
	assert_int_equal(plan_of("GET /bytes/64 HTTP/1.1\r\n\r\n", &p), 64);
	assert_true(p.sized && !p.errors);
	assert_int_equal(plan_of("GET /bytes/0?errors=10 HTTP/1.1\r\n\r\n", &p), 0);
	assert_int_equal(p.errors, 10);
	assert_int_equal(plan_of("GET /bytes/8?r=1 HTTP/1.1\r\nConnection: close\r\n\r\n", &p),
			 ANSWER_CLOSE | 8);
	assert_int_equal(plan_of("GET / HTTP/1.1\r\n\r\n", &p) & ANSWER_WHAT, ANSWER_MISSING);
	assert_int_equal(plan_of("GET /bytes/x HTTP/1.1\r\n\r\n", &p) & ANSWER_WHAT,
			 ANSWER_MISSING);
	assert_int_equal(plan_of("GET /bytes/1x HTTP/1.1\r\n\r\n", &p) & ANSWER_WHAT,
			 ANSWER_MISSING);
	assert_int_equal(plan_of("POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n", &p), 2);
	assert_true(p.post);
	assert_int_equal(plan_of("GET /bytes/1 HTTP/1.1\r\nContent-Length: 3\r\n\r\n", &p) &
				 (ANSWER_WHAT | ANSWER_CLOSE),
			 ANSWER_BAD | ANSWER_CLOSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_pieces),
		cmocka_unit_test(numbers_go_round_in_turn),
		cmocka_unit_test(answer_pieces),
		cmocka_unit_test(a_flipped_answer_has_one_wrong_byte),
		cmocka_unit_test(what_requests_mean),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
