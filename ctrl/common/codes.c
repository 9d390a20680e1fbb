/* codes.c - the table of checks as data. */
#include <common/codes.h>

#include <stdarg.h>

static const struct diag_rule rules[DIAG_CODE_COUNT] = {
#define X(id, code, severity, summary) [DIAG_##id] = {code, DIAG_##severity, summary},
	DIAG_CODES(X)
#undef X
};

const struct diag_rule *diag_rule(enum diag_code id)
{
	return &rules[id];
}

void diag_report(struct diags *d, enum diag_code id, struct pos pos, const char *resource,
		 const char *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_vadd(d, rules[id].severity, rules[id].code, pos, resource, field, fmt, ap);
	va_end(ap);
}
