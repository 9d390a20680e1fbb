/* isn.c - owns the keys behind sequence numbers, timestamps and ports. */
#include <tcp/isn.h>

#include <string.h>

/* As Linux's default: above the registered ports, below what RFC 6335 leaves to others. */
#define PORT_FIRST 32768u
#define PORT_LAST  60999u
#define PORT_COUNT (PORT_LAST - PORT_FIRST + 1)

static struct siphash_key derive(const struct siphash_key *root, uint64_t use)
{
	uint64_t w[2] = {use, 0};
	struct siphash_key key;

	key.k0 = siphash24(root, w, 2);
	w[1] = 1;
	key.k1 = siphash24(root, w, 2);
	return key;
}

void tcp_isn_init(struct tcp_ctx *ctx)
{
	struct siphash_key root;

	memcpy(&root, ctx->cfg.secret, sizeof(root));
	ctx->isn_key = derive(&root, 1);
	ctx->ts_key = derive(&root, 2);
	ctx->port_key = derive(&root, 3);
	ctx->flow.key = derive(&root, 4);
	ctx->cookie_key = derive(&root, 5);
	for (unsigned i = 0; i < TCP_PORT_COUNTERS; i++) {
		uint64_t w = i;

		ctx->port_counter[i] = (uint32_t)siphash24(&ctx->port_key, &w, 1);
	}
}

static uint64_t keyed(const struct siphash_key *key, const struct tcp_tuple *t, uint16_t port)
{
	uint64_t w[5] = {t->local.ip.q[0], t->local.ip.q[1], t->remote.ip.q[0], t->remote.ip.q[1],
			 (uint64_t)port << 16 | t->remote.port};

	return siphash24(key, w, 5);
}

uint32_t tcp_isn(const struct tcp_ctx *ctx, const struct tcp_tuple *t)
{
	return (uint32_t)keyed(&ctx->isn_key, t, t->local.port) + (uint32_t)(ctx->now_us >> 2);
}

uint32_t tcp_isn_ts_offset(const struct tcp_ctx *ctx, const struct tcp_tuple *t)
{
	return (uint32_t)keyed(&ctx->ts_key, t, t->local.port);
}

bool tcp_isn_pick_port(struct tcp_ctx *ctx, struct tcp_tuple *t,
		       bool (*steer)(void *owner, const struct tcp_tuple *t))
{
	uint64_t h = keyed(&ctx->port_key, t, 0);
	uint32_t offset = (uint32_t)h % PORT_COUNT;
	uint32_t *counter = &ctx->port_counter[(h >> 32) % TCP_PORT_COUNTERS];

	for (uint32_t i = 0; i < PORT_COUNT; i++) {
		t->local.port =
			(uint16_t)(PORT_FIRST + (offset + (*counter)++ % PORT_COUNT) % PORT_COUNT);
		if (steer && !steer(ctx->owner, t))
			continue;
		if (!tcp_flow_find(&ctx->flow, tcp_flow_hash(&ctx->flow, t), t))
			return true;
	}
	return false;
}
