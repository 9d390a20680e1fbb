/* request.c - see request.h. */
#include "request.h"

#include <arpa/inet.h>
#include <string.h>

#define NUMBER "%n"

/* The template has the longest number in place of %n; the User-Agent ends in as many dots as
 * the number has digits, and a shorter number lends its missing digits to them. */
bool request_init(struct request *r, const struct options *o, const struct pattern *pattern)
{
	const char *number = strstr(o->path, NUMBER);
	struct in_addr target = {htonl(o->target)};
	char longest[16] = "", dots[16] = "", length[48] = "", host[INET_ADDRSTRLEN];
	int before = number ? (int)(number - o->path) : (int)strlen(o->path), n;

	*r = (struct request){.n_conns = o->connections,
			      .path_count = o->path_count,
			      .pattern = pattern,
			      .body = o->upload,
			      .counts = number};
	if (number) {
		r->digits = (uint32_t)snprintf(longest, sizeof(longest), "%u", o->path_count - 1);
		memset(dots, '.', r->digits);
	}
	if (o->upload)
		snprintf(length, sizeof(length), "Content-Length: %u\r\n", o->upload);
	inet_ntop(AF_INET, &target, host, sizeof(host));
	n = snprintf((char *)r->head, REQUEST_HEAD_MAX,
		     "%s %.*s%s%s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n%s%s"
		     "User-Agent: weir-load%s\r\n\r\n",
		     o->upload ? "POST" : "GET", before, o->path, longest,
		     number ? number + strlen(NUMBER) : "", o->host ? o->host : host, length,
		     o->close ? "Connection: close\r\n" : "", dots);
	if (n >= REQUEST_HEAD_MAX)
		return false;
	r->head_len = (uint32_t)n;
	r->total = r->head_len + r->body;
	r->n_at = (uint32_t)before + (o->upload ? 5 : 4);
	r->tail = r->head_len - r->n_at - r->digits;
	r->head_sum = cksum_add(0, r->head, r->head_len);
	return true;
}

/* The head with its number in place. */
static const uint8_t *numbered_head(const struct request *r, uint32_t number, uint8_t *buf)
{
	uint8_t text[16], *digit = text + sizeof(text);
	const uint32_t end = 4; /* the empty line */
	uint32_t n;

	do
		*--digit = (uint8_t)('0' + number % 10);
	while (number /= 10);
	n = (uint32_t)(text + sizeof(text) - digit);
	memcpy(buf, r->head, r->n_at);
	memcpy(buf + r->n_at, digit, n);
	memcpy(buf + r->n_at + n, r->head + r->n_at + r->digits, r->tail - end);
	memset(buf + r->n_at + n + r->tail - end, '.', r->digits - n);
	memcpy(buf + r->head_len - end, "\r\n\r\n", end);
	return buf;
}

uint64_t request_fill_slow(const struct request *r, uint32_t conn, uint32_t k, uint32_t rel,
			   uint8_t *dst, uint32_t n)
{
	uint8_t buf[REQUEST_HEAD_MAX + 16];
	struct emit e = {.at = dst};

	for (k += rel / r->total, rel %= r->total; e.n < n; rel = 0, k++) {
		const uint8_t *head = r->head;
		uint32_t left = n - e.n, len;

		if (rel < r->head_len) {
			if (r->counts)
				head = numbered_head(r, request_number(r, conn, k), buf);
			len = RTE_MIN(left, r->head_len - rel);
			emit_bytes(&e, head + rel, len);
			left -= len;
			rel += len;
		}
		if (left && r->body)
			emit_pattern(&e, r->pattern, rel - r->head_len,
				     RTE_MIN(left, r->total - rel));
	}
	return e.sum;
}
