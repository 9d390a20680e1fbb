/* dial.c - owns nothing: opens streams and hands them over. */
#include <upstream/dial.h>

#include <base/proxy_header.h>
#include <tcp/tcp.h>
#include <upstream/conn.h>

struct bytestream *upstream_dial(const struct upstream *u, const struct cluster *c,
				 const struct endpoint *e, enum upstream_failure *why)
{
	const struct upstream_env *env = upstream_env(u);
	struct net_addr local = {.port = 0};
	struct bytestream *bs;

	*why = UPSTREAM_CONNECT_REFUSED;
	if (!env->source(env->owner, &e->addr.ip, &local.ip))
		return NULL;
	*why = UPSTREAM_NO_MEMORY;
	bs = tcp_connect(env->tcp, &e->addr, &local, c->connect_timeout_us, env->steer);
	if (!bs)
		return NULL;
	if (c->has_keepalive)
		tcp_stream_keepalive(bs, &c->keepalive);
	counter_inc(env->counters, CTR_UPSTREAM_CONNECTS);
	return bs;
}

enum upstream_failure upstream_dial_failure(uint8_t error)
{
	switch (error) {
	case BS_TIMEOUT:
		return UPSTREAM_CONNECT_TIMEOUT;
	case BS_NO_MEMORY:
		return UPSTREAM_NO_MEMORY;
	default:
		return UPSTREAM_CONNECT_REFUSED;
	}
}

bool upstream_announce(const struct upstream *u, struct bytestream *bs, unsigned version,
		       const struct net_addr *source, const struct net_addr *destination)
{
	uint8_t bytes[PROXY_HEADER_WRITE_MAX];
	uint32_t n = proxy_header_write(bytes, version, source, destination);
	struct mbq out;

	mbq_init(&out);
	if (!h1_append_bytes(&out, slice_of((const char *)bytes, n), upstream_env(u)->pool))
		return false;
	bytestream_write(bs, &out);
	return true;
}
