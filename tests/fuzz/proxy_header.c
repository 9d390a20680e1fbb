/* proxy_header.c - fuzz target: the header of the PROXY protocol, whole, cut anywhere, and written
 * again. */
#include <base/proxy_header.h>

#include "fuzz.h"

/* The same answer, or none yet, of every beginning. */
static void check_beginnings(const uint8_t *p, uint32_t n, int whole)
{
	bool decided = false;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *copy = malloc(i ? i : 1);
		struct proxy_header h;
		int rc;

		MUST(copy != NULL);
		memcpy(copy, p, i);
		rc = proxy_header_parse(copy, i, &h);
		free(copy);
		decided |= rc != 0;
		MUST(!decided || rc == whole);
	}
}

static void check_written(const struct proxy_header *h, unsigned version)
{
	uint8_t out[PROXY_HEADER_WRITE_MAX];
	uint32_t n = proxy_header_write(out, version, &h->source, &h->destination);
	struct ip_addr src = ip_addr_shown(&h->source.ip);
	struct ip_addr dst = ip_addr_shown(&h->destination.ip);
	struct proxy_header again;

	MUST(n < PROXY_HEADER_WRITE_MAX);
	MUST(proxy_header_parse(out, n, &again) == (int)n);
	MUST(again.has_addresses);
	MUST(ip_addr_eq(&again.source.ip, &src) && ip_addr_eq(&again.destination.ip, &dst));
	MUST(again.source.port == h->source.port);
	MUST(again.destination.port == h->destination.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t n = size < 256 ? (uint32_t)size : 256;
	struct proxy_header h;
	int rc = proxy_header_parse(data, n, &h);

	MUST(rc <= PROXY_HEADER_READ_MAX);
	check_beginnings(data, n, rc);
	if (rc > 0 && h.has_addresses) {
		check_written(&h, 1);
		check_written(&h, 2);
	}
	return 0;
}
