/* reply.c - the table of local replies and how one is sent. */
#include <proxy/reply.h>

#include <stdio.h>

#include <proxy/transform.h>

#define RESET_TEXT "upstream connect error or disconnect/reset before headers. "

const struct reply replies[REPLY_KINDS] = {
	[REPLY_NO_ROUTE] = {404, RESPONSE_FLAG_NR, "route_not_found", ""},
	[REPLY_NO_CLUSTER] = {503, RESPONSE_FLAG_NC, "cluster_not_found", ""},
	[REPLY_NO_HEALTHY_UPSTREAM] = {503, RESPONSE_FLAG_UH, "no_healthy_upstream",
				       "no healthy upstream"},
	[REPLY_CONNECT_FAILURE] =
		{503, RESPONSE_FLAG_UF,
		 "upstream_reset_before_response_started{remote_connection_failure}",
		 "reset reason: remote connection failure"},
	[REPLY_CONNECT_TIMEOUT] = {503, RESPONSE_FLAG_UF,
				   "upstream_reset_before_response_started{connection_timeout}",
				   "reset reason: connection timeout"},
	[REPLY_UPSTREAM_RESET] = {503, RESPONSE_FLAG_UC,
				  "upstream_reset_before_response_started{connection_termination}",
				  "reset reason: connection termination"},
	[REPLY_UPSTREAM_CANCELLED] = {503, RESPONSE_FLAG_UR,
				      "upstream_reset_before_response_started{remote_reset}",
				      "reset reason: remote reset"},
	[REPLY_UPSTREAM_REFUSED] =
		{503, RESPONSE_FLAG_UR,
		 "upstream_reset_before_response_started{remote_refused_stream_reset}",
		 "reset reason: remote refused stream reset"},
	[REPLY_NO_UPGRADE] = {503, RESPONSE_FLAG_LR, "upgrade_over_http2",
			      "upgrade over HTTP/2 is not supported"},
	[REPLY_UPSTREAM_PROTOCOL] = {502, RESPONSE_FLAG_UPE,
				     "upstream_reset_before_response_started{protocol_error}",
				     "reset reason: protocol error"},
	[REPLY_TIMEOUT] = {504, RESPONSE_FLAG_UT, "response_timeout", "upstream request timeout"},
	[REPLY_TRY_TIMEOUT] = {504, RESPONSE_FLAG_UT, "upstream_per_try_timeout",
			       "upstream request timeout"},
	[REPLY_OVERLOADED] = {503, RESPONSE_FLAG_UO,
			      "upstream_reset_before_response_started{overflow}",
			      "reset reason: overflow"},
	[REPLY_IDLE_TIMEOUT] = {408, RESPONSE_FLAG_SI, "stream_idle_timeout", "stream timeout"},
	[REPLY_FAULT] = {0, RESPONSE_FLAG_FI, "fault_filter_abort", "fault filter abort"},
	[REPLY_RATE_LIMITED] = {429, RESPONSE_FLAG_RL, "local_rate_limited", "local_rate_limited"},
	[REPLY_TOO_LONG] = {500, 0, "rewritten_head_too_long", "the rewritten request is too long"},
};

struct slice reply_text(const struct reply *r, bool retried, char buf[REPLY_TEXT_MAX])
{
	bool reset = strncmp(r->body, "reset reason", 12) == 0;

	snprintf(buf, REPLY_TEXT_MAX, "%s%s%s", reset ? RESET_TEXT : "",
		 reset && retried ? "retried and the latest " : "", r->body);
	return slice_str(buf);
}

unsigned reply_grpc_status(uint16_t status)
{
	switch (status) {
	case 400:
		return 13; /* INTERNAL */
	case 401:
		return 16; /* UNAUTHENTICATED */
	case 403:
		return 7; /* PERMISSION_DENIED */
	case 404:
		return 12; /* UNIMPLEMENTED */
	case 429:
	case 502:
	case 503:
	case 504:
		return 14; /* UNAVAILABLE */
	default:
		return 2; /* UNKNOWN */
	}
}

static bool has_content_type(const struct http_extra *x)
{
	for (unsigned i = 0; i < x->n; i++)
		if (slice_eq(x->fields[i].name, SLICE("content-type")))
			return true;
	return false;
}

/* A direct response's body may be a megabyte. */
static bool append_all(struct mbq *q, struct slice s, struct rte_mempool *pool)
{
	while (s.n) {
		uint32_t n = RTE_MIN(s.n, (uint32_t)H1_WRITE_SEGMENT);

		if (!h1_append_bytes(q, slice_of(s.p, n), pool)) {
			mbq_free(q);
			return false;
		}
		s = slice_of(s.p + n, s.n - n);
	}
	return true;
}

bool reply_send(struct proxy *px, struct exchange_end *e, uint16_t status, struct slice text)
{
	struct http_head *h = &px->reply;
	struct mbq data;

	h->status = status;
	h->framing = HTTP_BODY_LENGTH;
	h->length = text.n;
	h->has_length = true;
	if (text.n && !has_content_type(&px->extra))
		http_extra_add(&px->extra, SLICE("content-type"), SLICE("text/plain"));
	transform_common(px, h);
	if (!e->ops->send_head(e, h, &px->extra))
		return false;
	mbq_init(&data);
	if (!append_all(&data, text, px->env.pool))
		return false;
	return e->ops->send_data(e, &data) && e->ops->send_end(e);
}
