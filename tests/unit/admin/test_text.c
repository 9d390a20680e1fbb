/* Escapes and limits of admin/text.c. */
#include <admin/text.h>

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static void assert_put(void (*put)(struct text *, const char *, size_t), const char *in, size_t n,
		       const char *expected)
{
	struct text t;

	text_init(&t, 4096);
	put(&t, in, n);
	assert_false(t.full);
	assert_int_equal(t.len, strlen(expected));
	assert_memory_equal(t.data, expected, t.len);
	text_fini(&t);
}

static void json_escapes(void **state)
{
	(void)state;
	assert_put(text_put_json, "plain", 5, "\"plain\"");
	assert_put(text_put_json, "", 0, "\"\"");
	assert_put(text_put_json, "a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	assert_put(text_put_json, "\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"");
	assert_put(text_put_json, "\0\x0b\x1f\x7f", 4, "\"\\u0000\\u000b\\u001f\\u007f\"");
	assert_put(text_put_json, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		   "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	assert_put(text_put_json, "x\xffy", 3, "\"x\xef\xbf\xbdy\"");
	assert_put(text_put_json, "\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void label_escapes(void **state)
{
	(void)state;
	assert_put(text_put_label, "a\"b\\c\nd\te", 9, "a\\\"b\\\\c\\nd\te");
	assert_put(text_put_label, "\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd");
}

static void field_escapes(void **state)
{
	(void)state;
	assert_put(text_put_field, "curl/7.88 (x)", 13, "curl/7.88 (x)");
	assert_put(text_put_field, "a\" 200 \"b\\\n\r\x01\xff", 14,
		   "a\\x22 200 \\x22b\\x5C\\x0A\\x0D\\x01\\xFF");
}

/* What iconv would say, by arithmetic instead of by ranges of bytes. */
static size_t reference_len(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	len = (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	if (len == 0 || n < len)
		return 0;
	c = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

static void utf8_agrees_with_arithmetic(void **state)
{
	static const unsigned char edge[] = {0x00, 0x7f, 0x80, 0x8f, 0x90,
					     0x9f, 0xa0, 0xbf, 0xc0, 0xff};

	(void)state;
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			for (size_t c = 0; c < sizeof(edge); c++)
				for (size_t d = 0; d < sizeof(edge); d++)
					for (size_t n = 1; n <= 4; n++) {
						unsigned char s[] = {(unsigned char)a,
								     (unsigned char)b, edge[c],
								     edge[d]};

						assert_int_equal(text_utf8_len((char *)s, n),
								 reference_len(s, n));
					}
}

/* Whatever goes in, another JSON reader gets it out again. */
static void json_of_random_bytes_is_json(void **state)
{
	unsigned seed = 20260102;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char in[40];
		size_t n = (size_t)rand_r(&seed) % sizeof(in);
		struct text t;
		json_t *j;

		for (size_t i = 0; i < n; i++)
			in[i] = (char)rand_r(&seed);
		text_init(&t, 4096);
		text_put_json(&t, in, n);
		j = json_loadb(t.data, t.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(j);
		assert_true(json_is_string(j));
		json_decref(j);
		text_fini(&t);
	}
}

static void limit_is_kept(void **state)
{
	struct text t;

	(void)state;
	text_init(&t, 10);
	text_puts(&t, "12345678");
	assert_false(t.full);
	text_puts(&t, "abc");
	assert_true(t.full);
	assert_int_equal(t.len, 8);
	text_fini(&t);
	text_init(&t, 3000);
	for (int i = 0; i < 299; i++)
		text_printf(&t, "%010d", i);
	assert_false(t.full);
	text_printf(&t, "%011d", 1);
	assert_true(t.full);
	assert_int_equal(t.len, 2990);
	text_fini(&t);
}

static void shift_removes_the_front(void **state)
{
	struct text t;

	(void)state;
	text_init(&t, 100);
	text_puts(&t, "abcdef");
	text_shift(&t, 4);
	assert_int_equal(t.len, 2);
	assert_memory_equal(t.data, "ef", 2);
	text_shift(&t, 2);
	assert_int_equal(t.len, 0);
	text_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_escapes),
		cmocka_unit_test(label_escapes),
		cmocka_unit_test(field_escapes),
		cmocka_unit_test(utf8_agrees_with_arithmetic),
		cmocka_unit_test(json_of_random_bytes_is_json),
		cmocka_unit_test(limit_is_kept),
		cmocka_unit_test(shift_removes_the_front),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
