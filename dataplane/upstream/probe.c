/* probe.c - owns an active check from the SYN to the verdict. The head of the answer is all that
 * counts: as in Istio's agent, its body is not waited for. */
#include <upstream/probe.h>

#include <base/proxy_header.h>
#include <tcp/tcp.h>

static void shut(struct probe *pr, bool abort)
{
	struct bytestream *bs = pr->bs;

	pr->bs = NULL;
	bs->user = NULL;
	if (abort)
		bytestream_abort(bs);
	else
		bytestream_release(bs);
}

void probe_abort(struct probe *pr)
{
	if (pr->bs)
		shut(pr, true);
}

static void finish(struct probe *pr, enum check_result r, uint16_t status)
{
	shut(pr, r != CHECK_PASSED);
	pr->done(pr, r, status);
}

static void give_up(struct probe *pr)
{
	shut(pr, true);
	pr->given_up(pr);
}

static void lost(struct probe *pr)
{
	switch (pr->bs->error) {
	case BS_NO_MEMORY:
		give_up(pr);
		break;
	case BS_TIMEOUT:
		finish(pr, CHECK_TIMEOUT, 0);
		break;
	case BS_UNREACHABLE:
		finish(pr, CHECK_UNREACHABLE, 0);
		break;
	case BS_REFUSED:
		finish(pr, CHECK_REFUSED, 0);
		break;
	default:
		finish(pr, CHECK_RESET, 0);
		break;
	}
}

static void write_announcement(struct probe *pr, struct h1_writer *w)
{
	const struct tcp_tuple *t = tcp_stream_tuple(pr->bs);
	uint8_t bytes[PROXY_HEADER_WRITE_MAX];
	uint32_t n = proxy_header_write(bytes, pr->announce, &t->local, &t->remote);

	h1_write(w, slice_of((const char *)bytes, n));
}

static bool write_request(struct probe *pr)
{
	char address[NET_ADDR_STRLEN];
	const char *host = pr->check->host;
	struct h1_writer w;
	struct mbq out;

	mbq_init(&out);
	if (!host) {
		net_addr_format(&pr->to, address);
		host = address;
	}
	h1_write_begin(&w, pr->env->pool);
	if (pr->announce)
		write_announcement(pr, &w);
	h1_write(&w, slice_str(pr->check->before));
	h1_write(&w, slice_str(host));
	h1_write(&w, slice_str(pr->check->after));
	if (!h1_write_end(&w, &out))
		return false;
	bytestream_write(pr->bs, &out);
	return true;
}

static enum check_result judge(const struct probe *pr, const struct http_head *h)
{
	if (http_has(h, HTTP_FIELD_X_ENVOY_HEALTH_FAIL))
		return CHECK_ASKED;
	return status_set_has(&pr->check->expected, h->status) ? CHECK_PASSED : CHECK_STATUS;
}

/* False: the answer is not there yet, or the probe is over. */
static bool read_head(struct probe *pr)
{
	const struct upstream_env *env = pr->env;
	struct bytestream *bs = pr->bs;
	struct http_head *h = env->head;
	int used = bs->rx.bytes ? h1_read_response(h, &bs->rx, &pr->scanned, env->linear,
						   &env->limits, HTTP_GET)
				: 0;

	if (used == 0) {
		if (bs->eof)
			finish(pr, CHECK_RESET, 0);
	} else if (used < 0 || h->status == 101) {
		finish(pr, CHECK_PROTOCOL, 0);
	} else if (h->status < 200) {
		mbq_trim(&bs->rx, (uint32_t)used);
		bytestream_consumed(bs, (uint32_t)used);
		pr->scanned = 0;
		return true;
	} else {
		finish(pr, judge(pr, h), h->status);
	}
	return false;
}

static void connected(struct probe *pr)
{
	pr->connected = true;
	if (!pr->check->http)
		finish(pr, CHECK_PASSED, 0);
	else if (!write_request(pr))
		give_up(pr);
}

static void on_event(struct bytestream *bs, uint32_t events)
{
	struct probe *pr = bs->user;

	if (!pr->connected && (events & BS_CONNECTED))
		connected(pr);
	/* An answer may have come before the connection broke. */
	while (pr->bs && pr->connected && read_head(pr))
		;
	if (pr->bs && (events & BS_CLOSED))
		lost(pr);
}

enum probe_verdict probe_open(struct probe *pr, const struct endpoint *e)
{
	const struct upstream_env *env = pr->env;
	struct net_addr local = {.port = 0};

	pr->to = e->addr;
	if (pr->check->port)
		pr->to.port = pr->check->port;
	pr->announce = pr->to.port == e->addr.port ? e->announce : 0;
	if (!env->source(env->owner, &pr->to.ip, &local.ip))
		return PROBE_NO_ROUTE;
	pr->bs = tcp_connect(env->tcp, &pr->to, &local, pr->check->timeout_us, env->steer);
	if (!pr->bs)
		return PROBE_NO_ROOM;
	pr->bs->user = pr;
	pr->bs->notify = on_event;
	pr->scanned = 0;
	pr->connected = false;
	return PROBE_OPENED;
}
