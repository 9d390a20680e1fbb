/* units.c - parsers of quantities with units; integer arithmetic throughout. */
#include <common/units.h>

#include <ctype.h>
#include <stddef.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{"ns", 1},
	{"us", 1000},
	{"\xc2\xb5s", 1000}, /* micro sign */
	{"\xce\xbcs", 1000}, /* Greek mu */
	{"ms", 1000 * 1000},
	{"s", 1000000000ull},
	{"m", 60 * 1000000000ull},
	{"h", 3600 * 1000000000ull},
	{NULL, 0},
};

static const struct unit size_units[] = {
	{"", 1},
	{"B", 1},
	{"KiB", 1ull << 10},
	{"MiB", 1ull << 20},
	{"GiB", 1ull << 30},
	{"KB", 1000ull},
	{"MB", 1000000ull},
	{"GB", 1000000000ull},
	{NULL, 0},
};

static const struct unit *find_unit(const struct unit *units, const char *s, size_t len)
{
	for (; units->name; units++)
		if (strlen(units->name) == len && memcmp(units->name, s, len) == 0)
			return units;
	return NULL;
}

/* The unit at s is everything up to the next digit, dot or the end. */
static size_t unit_len(const char *s)
{
	size_t n = 0;

	while (s[n] && s[n] != '.' && !isdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* Digits after the point, as a fraction of the unit; what is below one ns is dropped. */
static uint64_t fraction_ns(const char *digits, size_t n, uint64_t factor)
{
	__uint128_t value = 0, scale = 1;
	size_t i;

	for (i = 0; i < n && i < 18; i++) {
		value = value * 10 + (uint64_t)(digits[i] - '0');
		scale *= 10;
	}
	return (uint64_t)(value * factor / scale);
}

static const char *parse_term(const char *s, __uint128_t *total)
{
	const char *frac = NULL;
	size_t whole_len = 0, frac_len = 0, n;
	__uint128_t whole = 0;
	const struct unit *unit;

	for (; isdigit((unsigned char)*s); s++, whole_len++)
		if (whole <= INT64_MAX)
			whole = whole * 10 + (uint64_t)(*s - '0');
	if (*s == '.') {
		frac = ++s;
		for (; isdigit((unsigned char)*s); s++)
			frac_len++;
	}
	if (!whole_len && !frac_len)
		return NULL;
	n = unit_len(s);
	unit = find_unit(duration_units, s, n);
	if (!unit)
		return NULL;
	*total += whole * unit->factor;
	if (frac)
		*total += fraction_ns(frac, frac_len, unit->factor);
	return *total > INT64_MAX ? NULL : s + n;
}

bool duration_parse(const char *s, int64_t *out_ns)
{
	bool negative = *s == '-';
	__uint128_t total = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (strcmp(s, "0") == 0) {
		*out_ns = 0;
		return true;
	}
	if (!*s)
		return false;
	while (s && *s)
		s = parse_term(s, &total);
	if (!s)
		return false;
	*out_ns = negative ? -(int64_t)total : (int64_t)total;
	return true;
}

bool size_parse(const char *s, uint64_t *out_bytes)
{
	const struct unit *unit;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
			return false;
	while (*s == ' ')
		s++;
	unit = find_unit(size_units, s, strlen(s));
	return unit && !__builtin_mul_overflow(value, unit->factor, out_bytes);
}
