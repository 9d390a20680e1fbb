/* h1_request.c - fuzz target: request heads. The first byte says where to cut. */
#include "h1_head.h"

static int parse(struct http_head *h, const char *buf, size_t len, size_t scanned)
{
	const struct h1_limits lim = {.max_head_bytes = 2048, .max_fields = 16};
	int rc = h1_parse_request(h, buf, len, scanned, &lim);

	if (rc > 0) {
		MUST(h->framing != HTTP_BODY_CLOSE);
		MUST(h->method.n > 0 && h->target.n > 0);
		MUST(h->minor == 0 || h->authority.n > 0);
		MUST(h->minor == 1 || h->framing != HTTP_BODY_CHUNKED);
		if (h->method_id != HTTP_CONNECT)
			MUST(h->path.p[0] == '/' || h->method_id == HTTP_OPTIONS);
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		check_cuts((const char *)data + 1, size - 1, data[0], parse);
	return 0;
}
