/* client_run.c - the client's phases, and what is done on time rather than in answer. */
#include "client.h"

#include <arpa/inet.h>

#define RESOLVE_S       10  /* how long to wait for an ARP answer */
#define RESOLVE_STEP_MS 100 /* between questions */
#define AGAIN_S         30  /* how long answers after the hold may take */
#define CLOSE_S         5   /* how long connections may take to close */
#define FLOOD_GRACE_MS  500 /* for the last SYN-ACKs */
#define CLOSE_BURST     64  /* connections a pass */
#define FLOOD_BURST     64
#define FLOOD_PORT      32768u /* floods come from here on; connections from below */
#define READY_SHARE     4

/* ---- start ---- */

static void begin_windows(struct client *cl)
{
	windows_begin(&cl->windows, cl->clock->hz / 1000 * cl->o->latency_window_ms,
		      cl->clock->now);
}

static bool init_memory(struct client *cl, const struct options *o)
{
	uint32_t n = RTE_MAX(o->connections, 1u), depth = 1;

	while (depth < o->pipeline) {
		depth *= 2;
		cl->stamp_shift++;
	}
	cl->stamp_mask = depth - 1;
	cl->stamps = memory_reserve((uint64_t)n * depth * sizeof(*cl->stamps));
	cl->odd_status = memory_reserve(n * sizeof(*cl->odd_status));
	/* A connection that ends leaves its entries in `ready` behind. */
	return cl->stamps && cl->odd_status && sides_init(&cl->sides) &&
	       fifo_init(&cl->reopen, n) && fifo_init(&cl->retry, n) &&
	       fifo_init(&cl->ready, n * o->pipeline * READY_SHARE);
}

bool client_init(struct client *cl, const struct options *o, const struct pattern *pattern,
		 struct wire *wire, const struct clock *clock)
{
	const struct tcp_config cfg = {.mtu = o->mtu,
				       .window = o->window_kib * 1024,
				       .timestamps = !o->no_timestamps,
				       .n_conns = RTE_MAX(o->connections, 1u)};
	uint32_t port_end = o->flood_rate > 0 ? FLOOD_PORT : 65536;

	cl->o = o;
	cl->pattern = pattern;
	cl->clock = clock;
	cl->tcp.place = (struct tcp_place){.client = true,
					   .local = o->clients,
					   .n_local = o->client_addresses,
					   .remote = rte_cpu_to_be_32(o->target),
					   .port = rte_cpu_to_be_16((uint16_t)o->target_port)};
	if (!port_plan_init(&cl->tcp.place.plan, cfg.n_conns, o->client_addresses, port_end)) {
		snprintf(cl->error, sizeof(cl->error),
			 "%u connections need more --client-addresses: each has %u ports",
			 o->connections, port_end - FLOWS_PORT_MIN);
		return false;
	}
	if (!request_init(&cl->request, o, pattern)) {
		snprintf(cl->error, sizeof(cl->error), "the request head is too long");
		return false;
	}
	if (!tcp_init(&cl->tcp, &cfg, &client_ops, cl, wire, clock) || !init_memory(cl, o)) {
		snprintf(cl->error, sizeof(cl->error), "no memory for %u connections",
			 o->connections);
		return false;
	}
	histogram_reset(&cl->latency);
	begin_windows(cl);
	cl->recording = o->idle_hold;
	cl->flood.rng = clock->now | 1;
	cl->phase_began = clock->now;
	return true;
}

/* ---- opening ---- */

static void open_conn(struct client *cl, uint32_t i, uint64_t stamp)
{
	cl->stamps[(uint64_t)i << cl->stamp_shift] = stamp;
	cl->opening++;
	tcp_connect(&cl->tcp, i);
}

/* A connection of --close --rate is opened when its request is due. */
static bool opens_on_time(const struct client *cl)
{
	return cl->o->close && cl->o->rate > 0;
}

static bool may_open(const struct client *cl)
{
	uint32_t most = cl->o->close ? cl->o->connections : CLIENT_HANDSHAKES;

	return cl->opening < most && wire_room(cl->tcp.wire) > WIRE_BURST;
}

static void open_new(struct client *cl)
{
	uint64_t now = cl->clock->now;

	while (cl->next_open < cl->o->connections && may_open(cl)) {
		if (cl->ramp.step) {
			if (!pacer_due(&cl->ramp, now))
				return;
			pacer_take(&cl->ramp);
		}
		open_conn(cl, cl->next_open++, now);
	}
}

static void open_again(struct client *cl)
{
	while (fifo_count(&cl->reopen) && may_open(cl))
		open_conn(cl, fifo_pop(&cl->reopen), cl->clock->now);
	while (fifo_due(&cl->retry, cl->clock->us) && may_open(cl)) {
		uint32_t i = fifo_pop(&cl->retry);

		/* Its request has waited since then. */
		open_conn(cl, i, cl->stamps[(uint64_t)i << cl->stamp_shift]);
	}
}

/* ---- requests on time ---- */

static bool takes_request(const struct client *cl, uint32_t i)
{
	const struct conn *c = &cl->tcp.conns[i];

	if (cl->o->close)
		return c->state == CONN_FREE;
	return c->state == CONN_OPEN && !(c->flags & CONN_FIN) && !(c->parse & BODY_CLOSE) &&
	       client_outstanding(c) < cl->o->pipeline;
}

static void issue_on_time(struct client *cl)
{
	uint64_t now = cl->clock->now;

	while (pacer_due(&cl->rate, now) && fifo_count(&cl->ready) &&
	       wire_room(cl->tcp.wire) > WIRE_BURST) {
		uint32_t i = fifo_pop(&cl->ready);

		if (!takes_request(cl, i))
			continue;
		if (cl->o->close)
			open_conn(cl, i, pacer_take(&cl->rate));
		else
			client_issue(cl, i, pacer_take(&cl->rate));
	}
}

/* The closed loop's first requests, on connections that were opened before. */
static void start_traffic(struct client *cl)
{
	pacer_init(&cl->rate, cl->o->rate, cl->clock->hz, cl->clock->now);
	if (opens_on_time(cl)) {
		for (uint32_t i = 0; i < cl->o->connections; i++)
			fifo_push(&cl->ready, i, 0);
		cl->next_open = cl->o->connections;
	}
	for (uint32_t i = 0; i < cl->o->connections && !cl->o->close; i++) {
		if (!tcp_is_open(&cl->tcp.conns[i]))
			continue;
		for (uint32_t k = 0; k < cl->o->pipeline; k++) {
			if (cl->rate.step)
				fifo_push(&cl->ready, i, 0);
			else
				client_issue(cl, i, cl->clock->now);
		}
	}
}

/* ---- flood ---- */

static uint64_t draw(struct client_flood *f)
{
	f->rng ^= f->rng << 13;
	f->rng ^= f->rng >> 7;
	f->rng ^= f->rng << 17;
	return f->rng * 0x2545f4914f6cdd1dull;
}

static void flood(struct client *cl)
{
	struct client_flood *f = &cl->flood;

	for (unsigned n = 0; n < FLOOD_BURST && f->sent < cl->o->flood_count; n++) {
		uint64_t dice = draw(f);
		uint32_t addr = (uint32_t)(dice >> 48) % cl->o->client_addresses;
		uint32_t port = FLOOD_PORT + (uint32_t)(dice >> 32) % FLOOD_PORT;

		if (!pacer_due(&f->pacer, cl->clock->now) || wire_room(cl->tcp.wire) == 0 ||
		    !tcp_send_bare_syn(&cl->tcp, rte_cpu_to_be_32(cl->o->clients + addr),
				       rte_cpu_to_be_16((uint16_t)port), (uint32_t)dice))
			return;
		pacer_take(&f->pacer);
		f->sent++;
		f->ended = cl->clock->now;
	}
}

/* SYN-ACKs of a flood stay without an answer: that is what makes it one. */
void client_stray(struct client *cl, const struct segment *s)
{
	if (cl->o->flood_rate == 0 || rte_be_to_cpu_16(s->dport) < FLOOD_PORT)
		tcp_input_stray(&cl->tcp, s);
	else if ((s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		cl->flood.syn_acks++;
}

/* ---- phases ---- */

static void enter(struct client *cl, enum client_phase phase)
{
	cl->phase = phase;
	cl->phase_began = cl->clock->now;
	cl->cursor = cl->in_flight = 0;
}

static double in_phase(const struct client *cl)
{
	return (double)(cl->clock->now - cl->phase_began) / (double)cl->clock->hz;
}

static void fail(struct client *cl, const char *why)
{
	snprintf(cl->error, sizeof(cl->error), "%s", why);
	enter(cl, CLIENT_FAILED);
}

static void begin_measuring(struct client *cl)
{
	histogram_reset(&cl->latency);
	begin_windows(cl);
	cl->recording = true;
	enter(cl, CLIENT_MEASURE);
	if (cl->o->flood_rate > 0) {
		pacer_init(&cl->flood.pacer, cl->o->flood_rate, cl->clock->hz, cl->clock->now);
		cl->flood.began = cl->flood.ended = cl->clock->now;
		cl->flooding = true;
	}
}

static void run_resolve(struct client *cl)
{
	struct wire *w = cl->tcp.wire;

	if (w->peer_known) {
		pacer_init(&cl->ramp, cl->o->ramp, cl->clock->hz, cl->clock->now);
		enter(cl, CLIENT_OPEN);
		return;
	}
	if (in_phase(cl) > RESOLVE_S || cl->stopping) {
		struct in_addr a = {rte_cpu_to_be_32(cl->o->gateway)};
		struct rte_eth_link link = {0};

		rte_eth_link_get_nowait(w->port, &link);
		snprintf(cl->error, sizeof(cl->error),
			 "nobody answered for %s within %.0f s (the link of %s is %s)",
			 inet_ntoa(a), in_phase(cl), cl->o->device,
			 link.link_status ? "up" : "down");
		enter(cl, CLIENT_FAILED);
		return;
	}
	if ((int32_t)(cl->clock->us - cl->cursor) >= 0) {
		wire_arp_ask(w, cl->o->clients, cl->o->gateway);
		cl->cursor = cl->clock->us + RESOLVE_STEP_MS * 1000;
	}
}

static void run_open(struct client *cl)
{
	if (cl->o->close || cl->o->connections == 0) {
		/* Connections are the traffic. */
		enter(cl, CLIENT_WARMUP);
		start_traffic(cl);
		return;
	}
	open_new(cl);
	open_again(cl);
	if (cl->next_open < cl->o->connections || cl->opening > 0) {
		if (cl->stopping)
			fail(cl, "stopped before all connections were open");
		return;
	}
	cl->ramp_cycles = cl->clock->now - cl->phase_began;
	if (cl->tcp.n_open == 0) {
		fail(cl, "not one connection could be opened");
		return;
	}
	if (cl->o->idle_hold) {
		enter(cl, CLIENT_HOLD);
		return;
	}
	enter(cl, CLIENT_WARMUP);
	start_traffic(cl);
}

static void run_traffic(struct client *cl)
{
	if (!opens_on_time(cl))
		open_new(cl);
	open_again(cl);
	if (cl->rate.step)
		issue_on_time(cl);
}

static void run_warmup(struct client *cl)
{
	bool flood_only = cl->o->connections == 0;

	run_traffic(cl);
	if (in_phase(cl) >= cl->o->warmup || flood_only || cl->stopping)
		begin_measuring(cl);
}

static void run_measure(struct client *cl)
{
	bool flood_done = cl->o->flood_rate > 0 && cl->flood.sent == cl->o->flood_count &&
			  cl->clock->now - cl->flood.ended > cl->clock->hz / 1000 * FLOOD_GRACE_MS;

	run_traffic(cl);
	if (cl->rate.step)
		windows_turn(&cl->windows, cl->clock->now);
	if (cl->flooding)
		flood(cl);
	if (in_phase(cl) >= cl->o->duration || cl->stopping ||
	    (flood_done && cl->o->connections == 0)) {
		cl->flooding = cl->recording = false;
		enter(cl, CLIENT_CLOSE);
	}
}

static void run_hold(struct client *cl)
{
	if (in_phase(cl) < cl->o->duration && !cl->stopping)
		return;
	cl->idle.held = cl->tcp.n_open;
	enter(cl, CLIENT_AGAIN);
}

static void run_again(struct client *cl)
{
	bool late = in_phase(cl) > AGAIN_S;

	while (cl->cursor < cl->o->connections && cl->in_flight < CLIENT_HANDSHAKES) {
		struct conn *c = &cl->tcp.conns[cl->cursor];

		if (c->state == CONN_OPEN && !(c->flags & CONN_FIN)) {
			client_issue(cl, cl->cursor, cl->clock->now);
			cl->in_flight++;
		}
		cl->cursor++;
	}
	if ((cl->cursor < cl->o->connections || cl->in_flight > 0) && !late)
		return;
	cl->idle.lost = cl->idle.held - cl->idle.served_again;
	cl->recording = false;
	enter(cl, CLIENT_CLOSE);
}

/* FINs for all that are open; when that takes too long, resets for those that are left. */
static void run_close(struct client *cl)
{
	bool late = in_phase(cl) > CLOSE_S;

	if (late && !cl->resetting) {
		cl->resetting = true;
		cl->cursor = 0;
	}
	for (unsigned n = 0; n < CLOSE_BURST && cl->cursor < cl->o->connections; cl->cursor++) {
		struct conn *c = &cl->tcp.conns[cl->cursor];

		if (c->state == CONN_FREE)
			continue;
		if (wire_room(cl->tcp.wire) < CLOSE_BURST)
			return;
		n++;
		if (late || c->state == CONN_SYN_SENT)
			tcp_abort(&cl->tcp, cl->cursor);
		else
			tcp_close(&cl->tcp, c);
	}
	if (cl->cursor == cl->o->connections && (late || cl->tcp.n_open == 0))
		enter(cl, CLIENT_DONE);
}

void client_run(struct client *cl)
{
	switch (cl->phase) {
	case CLIENT_RESOLVE:
		run_resolve(cl);
		break;
	case CLIENT_OPEN:
		run_open(cl);
		break;
	case CLIENT_WARMUP:
		run_warmup(cl);
		break;
	case CLIENT_MEASURE:
		run_measure(cl);
		break;
	case CLIENT_HOLD:
		run_hold(cl);
		break;
	case CLIENT_AGAIN:
		run_again(cl);
		break;
	case CLIENT_CLOSE:
		run_close(cl);
		break;
	case CLIENT_DONE:
	case CLIENT_FAILED:
		break;
	}
}
