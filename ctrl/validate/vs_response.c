/* vs_response.c - http[].directResponse, and the statuses we answer with (reference 2.4.3). */
#include <validate/vs.h>

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define BODY_MAX  (1024u * 1024u)
#define BODY_WARN (100u * 1024u)

/* 600 is not in the range that Istio's message names, and passes its check. */
void check_status(struct check *c, const char *field, int64_t status)
{
	size_t mark = check_field(c, field);

	if (status < 200 || status > 600)
		check_report(c, DIAG_VS_STATUS,
			     "%" PRId64 " is no status to answer with: 200 to 599", status);
	check_leave(c, mark);
}

/* Standard base64 with its padding (RFC 4648 section 4): how many bytes, or -1. */
static int64_t base64_size(const char *s)
{
	size_t len = strlen(s), pad = 0, i;

	if (len % 4 != 0)
		return -1;
	while (pad < 2 && pad < len && s[len - 1 - pad] == '=')
		pad++;
	for (i = 0; i < len - pad; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '+' && s[i] != '/')
			return -1;
	return (int64_t)(len / 4 * 3 - pad);
}

static void check_body_size(struct check *c, int64_t size)
{
	if (size > BODY_MAX)
		check_report(c, DIAG_VS_BODY_TOO_LARGE,
			     "the body has %" PRId64 " bytes, at most 1 MiB is kept for one: serve "
			     "it from a backend",
			     size);
	else if (size > BODY_WARN)
		check_report(c, DIAG_VS_BODY_LARGE,
			     "the body has %" PRId64 " bytes, and every snapshot carries it: above "
			     "100 KiB a backend is the better place",
			     size);
}

static void check_body(struct check *c, const struct http_body *b)
{
	size_t outer = check_field(c, "body"), mark;

	if (b->string) {
		mark = check_field(c, "string");
		check_body_size(c, (int64_t)strlen(b->string));
		check_leave(c, mark);
	}
	if (b->bytes) {
		mark = check_field(c, "bytes");
		if (base64_size(b->bytes) < 0)
			check_report(c, DIAG_VS_BODY_BASE64,
				     "not base64 with padding: write string for plain text");
		check_body_size(c, base64_size(b->bytes));
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

void check_direct_response(struct check *c, const struct http_direct_response *d)
{
	size_t mark;

	if (!d)
		return;
	mark = check_field(c, "directResponse");
	check_status(c, "status", d->status);
	if (d->body)
		check_body(c, d->body);
	check_leave(c, mark);
}
