/* relay.c - owns the bytes on their way between two streams. */
#include <proxy/relay.h>

#include <weir/feedback.h>

static enum relay_side side_of(const struct relay *r, const struct bytestream *bs)
{
	return bs == r->ends[RELAY_CLIENT] ? RELAY_CLIENT : RELAY_SERVER;
}

static enum relay_side other(enum relay_side side)
{
	return side == RELAY_CLIENT ? RELAY_SERVER : RELAY_CLIENT;
}

/* Takes off a side what it has brought, as the other is to be sent it. False: it cannot be. */
static bool take(struct relay *r, enum relay_side side, struct mbq *q, bool *last)
{
	struct bytestream *from = r->ends[side];
	uint32_t used = from->rx.bytes;
	bool ok = true;

	if (r->coder && side == RELAY_SERVER)
		ok = r->coder->decode(r, &from->rx, q, &used, last);
	else
		mbq_append(q, &from->rx);
	r->bytes[side] += q->bytes;
	if (r->coder && side == RELAY_CLIENT)
		ok = r->coder->encode(r, q, *last);
	if (used)
		bytestream_consumed(from, used);
	return ok;
}

/* A framed end is said in the frame. */
static void end(struct relay *r, enum relay_side side)
{
	r->ended |= (uint8_t)(1u << side);
	if (!r->coder || side == RELAY_SERVER)
		bytestream_shutdown(r->ends[other(side)]);
}

/* Moves what has arrived on one side to the other one, as far as that has room. */
static bool move(struct relay *r, enum relay_side side, uint64_t now_us)
{
	struct bytestream *from = r->ends[side], *to = r->ends[other(side)];
	bool last = from->eof, ok;
	struct mbq q;

	if ((r->ended & 1u << side) || (from->rx.bytes == 0 && !last))
		return true;
	if (from->rx.bytes && to->tx_queued >= to->tx_limit) {
		to->tx_blocked = true;
		return true;
	}
	mbq_init(&q);
	ok = take(r, side, &q, &last);
	r->moved_us = now_us;
	if (!ok) {
		mbq_free(&q);
		return false;
	}
	if (q.bytes)
		bytestream_write(to, &q);
	if (last)
		end(r, side);
	return true;
}

static enum relay_verdict lost(enum relay_side side)
{
	return side == RELAY_CLIENT ? RELAY_LOST_CLIENT : RELAY_LOST_SERVER;
}

static enum relay_verdict verdict(const struct relay *r, bool ok)
{
	if (!ok)
		return RELAY_BROKEN;
	return r->ended == 3 ? RELAY_ENDED : RELAY_GOES_ON;
}

enum relay_verdict relay_begin(struct relay *r, struct bytestream *client,
			       struct bytestream *server, uint64_t now_us)
{
	bool ok = true;

	r->ends[RELAY_CLIENT] = client;
	r->ends[RELAY_SERVER] = server;
	r->moved_us = now_us;
	for (enum relay_side side = 0; side < RELAY_SIDES; side++)
		ok &= move(r, side, now_us);
	for (enum relay_side side = 0; side < RELAY_SIDES; side++)
		if (r->ends[side]->error != BS_OK)
			return lost(side);
	return verdict(r, ok);
}

enum relay_verdict relay_event(struct relay *r, struct bytestream *bs, uint32_t events,
			       uint64_t now_us)
{
	enum relay_side side = side_of(r, bs);
	bool ok = true;

	if (events & BS_CLOSED)
		return lost(side);
	if (events & BS_WRITABLE)
		ok = move(r, other(side), now_us);
	ok &= move(r, side, now_us);
	return verdict(r, ok);
}

uint32_t relay_flag(enum relay_verdict v)
{
	static const uint32_t flags[] = {
		[RELAY_GOES_ON] = 0,
		[RELAY_ENDED] = 0,
		[RELAY_LOST_CLIENT] = RESPONSE_FLAG_DC,
		[RELAY_LOST_SERVER] = RESPONSE_FLAG_UC,
		[RELAY_BROKEN] = RESPONSE_FLAG_UPE,
	};

	return flags[v];
}

uint64_t relay_active_us(const struct relay *r, uint64_t now_us)
{
	uint64_t client_us = bytestream_taken_us(r->ends[RELAY_CLIENT], now_us);
	uint64_t server_us = bytestream_taken_us(r->ends[RELAY_SERVER], now_us);

	return RTE_MAX(r->moved_us, RTE_MAX(client_us, server_us));
}

void relay_close(struct relay *r, bool abort)
{
	for (enum relay_side side = 0; side < RELAY_SIDES; side++) {
		struct bytestream *bs = r->ends[side];

		r->ends[side] = NULL;
		bytestream_end(bs, abort);
	}
}
