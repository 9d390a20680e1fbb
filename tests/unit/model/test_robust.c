/* test_robust.c - text that is cut short or scrambled: never a crash, never another meaning. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "load.h"

static const char *const samples[] = {
	SOURCE_ROOT "/configs/bookinfo/gateway.yaml",
	SOURCE_ROOT "/configs/bookinfo/services.yaml",
	SOURCE_ROOT "/configs/bookinfo/destination-rules.yaml",
	SOURCE_ROOT "/configs/bookinfo/reviews/jason.yaml",
	SOURCE_ROOT "/configs/httpbin/httpbin.yaml",
};
#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* In block style a file cut at the end of a line may be a smaller, valid one. What is cut
 * inside brackets or quotes never is. */
static void cut_at_every_byte(void **state)
{
	struct loaded l;
	size_t i, k, len;

	(void)state;
	for (i = 0; i < N_SAMPLES; i++) {
		char *text = load_file(samples[i], &len);

		assert_non_null(text);
		for (k = 0; k <= len; k++) {
			load_bytes(&l, "cut.yaml", text, k);
			load_free(&l);
		}
		free(text);
	}
}

static void json_cut_at_every_byte(void **state)
{
	static const char text[] =
		"{\"apiVersion\":\"networking.istio.io/"
		"v1\",\"kind\":\"VirtualService\",\"metadata\":"
		"{\"name\":\"x\"},\"spec\":{\"hosts\":[\"a.test\"],\"http\":[{\"match\":[{\"uri\":"
		"{\"regex\":\"/v[0-9]+\"}}],\"route\":[{\"destination\":{\"host\":\"a\",\"port\":"
		"{\"number\":80}},\"weight\":100}],\"timeout\":\"1.5s\"}]}}";
	struct loaded l;
	size_t k;

	(void)state;
	for (k = 1; k < sizeof(text) - 1; k++) {
		load_bytes(&l, "cut.json", text, k);
		if (!l.d.errors)
			fail_msg("cut at %zu of %zu bytes, and accepted", k, sizeof(text) - 1);
		assert_int_equal(l.set.n, 0);
		load_free(&l);
	}
	load_bytes(&l, "whole.json", text, sizeof(text) - 1);
	assert_int_equal(l.d.errors, 0);
	assert_int_equal(l.set.n, 1);
	load_free(&l);
}

/* Every cut of a value in flow style inside a block document is an error too. */
static void flow_cut_at_every_byte(void **state)
{
	static const char head[] = "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\n"
				   "metadata: {name: a}\nspec: ";
	static const char flow[] = "{address: \"10.0.0.12\", labels: {app: a}, weight: 25}";
	char text[512];
	struct loaded l;
	size_t k;

	(void)state;
	for (k = 1; k < sizeof(flow) - 1; k++) {
		int n = snprintf(text, sizeof(text), "%s%.*s", head, (int)k, flow);

		load_bytes(&l, "cut.yaml", text, (size_t)n);
		assert_int_not_equal(l.d.errors, 0);
		assert_int_equal(l.set.n, 0);
		load_free(&l);
	}
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Changes, removes, doubles or moves a few bytes; structure characters more often. */
static size_t scramble(char *text, size_t len, size_t room, uint64_t *seed)
{
	static const char spice[] = "{}[]:,-&*!|>'\"#%@`~ \n\t?0a.\\\x80\xff\x01";
	unsigned n = 1 + next(seed) % 6;

	while (n--) {
		size_t at = next(seed) % len, from = next(seed) % len;
		size_t run = 1 + next(seed) % 24;

		switch (next(seed) % 4) {
		case 0:
			text[at] = spice[next(seed) % (sizeof(spice) - 1)];
			break;
		case 1:
			text[at] = (char)next(seed);
			break;
		case 2:
			if (run > len - at - (at == 0))
				run = len - at - (at == 0);
			memmove(text + at, text + at + run, len - at - run);
			len -= run;
			break;
		default:
			if (run > room - len)
				run = room - len;
			if (run > len - from)
				run = len - from;
			memmove(text + at + run, text + at, len - at);
			memmove(text + at, text + from, run);
			len += run;
			break;
		}
	}
	return len;
}

static void scrambled(void **state)
{
	const char *rounds_text = getenv("WEIR_SCRAMBLE_ROUNDS");
	unsigned i, rounds = rounds_text ? (unsigned)atoi(rounds_text) : 1500;
	uint64_t seed = 0x9e3779b97f4a7c15ull;
	struct loaded l;
	size_t k, len;

	(void)state;
	for (k = 0; k < N_SAMPLES; k++) {
		char *text = load_file(samples[k], &len);
		char *copy = malloc(len + 256);

		assert_non_null(text);
		assert_non_null(copy);
		for (i = 0; i < rounds; i++) {
			size_t n;

			memcpy(copy, text, len);
			n = scramble(copy, len, len + 256, &seed);
			load_bytes(&l, "scrambled.yaml", copy, n);
			load_free(&l);
		}
		free(copy);
		free(text);
	}
}

/* The work for a small file is bounded, whatever it says. */
static void hostile(void **state)
{
	static const struct {
		char fill;
		unsigned n;
	} fills[] = {{'[', 200000}, {'{', 200000}, {'-', 100000}, {'&', 100000},
		     {'"', 99999},  {'?', 100000}, {'!', 100000}, {':', 100000}};
	struct loaded l;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		char *text = malloc(2 * fills[i].n);

		assert_non_null(text);
		memset(text, fills[i].fill, fills[i].n);
		load_bytes(&l, "hostile.yaml", text, fills[i].n);
		load_free(&l);
		for (k = 0; k < fills[i].n; k++) {
			text[2 * k] = fills[i].fill;
			text[2 * k + 1] = ' ';
		}
		load_bytes(&l, "hostile.yaml", text, 2 * fills[i].n);
		load_free(&l);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(json_cut_at_every_byte),
		cmocka_unit_test(flow_cut_at_every_byte),
		cmocka_unit_test(scrambled),
		cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
