/* h1_response.c - fuzz target: response heads. The first byte says where to cut, the second
 * which method was asked. */
#include "h1_head.h"

static enum http_method method;

static int parse(struct http_head *h, const char *buf, size_t len, size_t scanned)
{
	const struct h1_limits lim = {.max_head_bytes = 2048, .max_fields = 16};
	int rc = h1_parse_response(h, buf, len, scanned, &lim, method);

	if (rc > 0) {
		MUST(h->status >= 100 && h->status <= 999);
		MUST(h->framing != HTTP_BODY_CLOSE || !h->keep_alive);
		if (method == HTTP_HEAD || h->status < 200 || h->status == 204 || h->status == 304)
			MUST(h->framing == HTTP_BODY_NONE);
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	method = data[1] % (HTTP_PATCH + 1);
	check_cuts((const char *)data + 2, size - 2, data[0], parse);
	return 0;
}
