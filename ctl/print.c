/* print.c - see print.h. */
#include "print.h"

void print_char(FILE *out, char c)
{
	unsigned char u = (unsigned char)c;

	if (u < 0x20 || u == 0x7f)
		fprintf(out, "\\x%02X", u);
	else
		fputc(c, out);
}

/* U+0080 to U+009F are control characters as well. */
void print_text(FILE *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];

		if (c == 0xc2 && next >= 0x80 && next <= 0x9f) {
			fprintf(out, "\\x%02X", next);
			s++;
		} else {
			print_char(out, s[0]);
		}
	}
}

void print_duration(FILE *out, json_int_t us)
{
	if (us == 0)
		fputs("none", out);
	else if (us % 1000000 == 0)
		fprintf(out, "%lld s", (long long)us / 1000000);
	else if (us >= 1000)
		fprintf(out, "%.4g ms", (double)us / 1000);
	else
		fprintf(out, "%lld us", (long long)us);
}

void print_json(FILE *out, const json_t *j)
{
	json_dumpf(j, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fputs("\n", out);
}

const char *json_get_string(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

json_int_t json_get_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}
