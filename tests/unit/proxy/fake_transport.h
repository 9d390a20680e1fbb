/* fake_transport.h - stands in for tcp/ and net/: byte streams in memory, whose far end is the
 * test.
 *
 * Keeps the contract of base/bytestream.h to the letter and checks that the user does. A stream
 * is freed the moment its user gives it up, so that the sanitizer sees who still looks at it;
 * the far end (struct peer) stays until the end of the test. */
#pragma once
#include <weir/tcp_keepalive.h>
#include <base/bytestream.h>
#include <net/net.h>
#include <tcp/tcp.h>

struct fake_stream;

struct bytes {
	char *p; /* always ends with a NUL behind n */
	size_t n, room;
};

void bytes_add(struct bytes *b, const void *p, size_t n);
/* Drops the first n. */
void bytes_drop(struct bytes *b, size_t n);

enum fake_connect {
	FAKE_ACCEPT,  /* the handshake completes at once */
	FAKE_REFUSE,  /* RST */
	FAKE_HOLD,    /* until peer_accept() or peer_reset(), or time is up */
	FAKE_NO_PORT, /* tcp_connect() cannot even try */
};

/* The far end of one stream: a client or an origin. */
struct peer {
	struct tcp_ctx *tcp;
	struct fake_stream *stream; /* NULL: the proxy has given it up */
	struct tcp_tuple tuple;     /* as the proxy sees it */
	uint64_t cookie, connect_deadline_us;
	uint32_t pending; /* enum bytestream_event, not delivered yet */
	struct mbq wire;  /* written by the proxy, not heard yet */
	struct bytes out; /* said, but the window was closed */
	struct bytes heard;
	struct tcp_keepalive keepalive; /* that the proxy asked for */
	bool active;                    /* opened by the proxy */
	bool connecting;
	bool deaf;       /* hears only what peer_hear() is told to */
	bool end_queued; /* FIN behind out */
	bool ended;      /* the proxy's FIN was heard */
	bool was_reset;  /* the proxy sent RST */
};

struct tcp_ctx {
	struct rte_mempool *pool; /* of what arrives */
	uint64_t now_us;
	enum fake_connect connect;
	uint32_t piece; /* bytes of an arriving mbuf; 0: as many as fit */
	bool coalesce;  /* small arrivals go behind the last, as TCP does it */
	uint32_t tx_limit, rcv_buf;
	uint64_t shuffle; /* seed of the order of events; 0: oldest peer first */
	uint32_t streams; /* alive */
	struct peer **peers;
	unsigned n_peers;
	void *owner; /* whom tcp_connect()'s steer is called with */
};

struct net {
	struct ip_addr local;
	bool no_route;
};

void fake_init(struct tcp_ctx *t, struct rte_mempool *pool);
void fake_fini(struct tcp_ctx *t);

/* Makes a connection that a client opened; the caller gives the stream to the proxy. */
struct peer *fake_accept(struct tcp_ctx *t, const struct tcp_tuple *tuple, uint64_t cookie);
struct bytestream *peer_stream(struct peer *p);

/* Delivers what peers have said, as far as windows allow; ends what has timed out. */
void fake_arrivals(struct tcp_ctx *t);
/* Writes headers in front of payloads as TCP does when it sends in place, and hears. True when
 * that made events. */
bool fake_departures(struct tcp_ctx *t);
bool fake_has_events(const struct tcp_ctx *t);

void peer_accept(struct peer *p);
void peer_send(struct peer *p, const void *bytes, size_t n);
void peer_say(struct peer *p, const char *text);
/* FIN, behind what was said. */
void peer_end(struct peer *p);
/* RST; what was said and not delivered is lost. */
void peer_reset(struct peer *p);
/* Reads at most max bytes off the wire: acknowledges them. */
void peer_hear(struct peer *p, uint32_t max);
/* Room in the window that the proxy offers. */
uint32_t peer_window(const struct peer *p);
