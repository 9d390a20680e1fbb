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
	[REPLY_UPSTREAM_PROTOCOL] = {502, RESPONSE_FLAG_UPE,
				     "upstream_reset_before_response_started{protocol_error}",
				     "reset reason: protocol error"},
	[REPLY_TIMEOUT] = {504, RESPONSE_FLAG_UT, "response_timeout", "upstream request timeout"},
	[REPLY_OVERLOADED] = {503, RESPONSE_FLAG_UO,
			      "upstream_reset_before_response_started{overflow}",
			      "reset reason: overflow"},
	[REPLY_IDLE_TIMEOUT] = {408, RESPONSE_FLAG_SI, "stream_idle_timeout", "stream timeout"},
};

/* The body's text; buf has room for any of the table. */
static struct slice text_of(const struct reply *r, bool retried, char *buf, size_t room)
{
	bool reset = strncmp(r->body, "reset reason", 12) == 0;

	snprintf(buf, room, "%s%s%s", reset ? RESET_TEXT : "",
		 reset && retried ? "retried and the latest " : "", r->body);
	return slice_str(buf);
}

bool reply_send(struct proxy *px, struct exchange_end *e, const struct reply *r, bool retried)
{
	struct http_head *h = &px->reply;
	char buf[256];
	struct slice text = text_of(r, retried, buf, sizeof(buf));
	struct mbq data;

	h->status = r->status;
	h->framing = HTTP_BODY_LENGTH;
	h->length = text.n;
	h->has_length = true;
	px->extra.n = 0;
	if (text.n)
		http_extra_add(&px->extra, SLICE("content-type"), SLICE("text/plain"));
	if (r->flag == RESPONSE_FLAG_UO)
		http_extra_add(&px->extra, SLICE("x-envoy-overloaded"), SLICE("true"));
	transform_common(px, h);
	if (!e->ops->send_head(e, h, &px->extra))
		return false;
	mbq_init(&data);
	if (text.n && !h1_append_bytes(&data, text, px->env.pool))
		return false;
	return e->ops->send_data(e, &data) && e->ops->send_end(e);
}
