/* bytestream.h - a bidirectional stream of bytes: what HTTP speaks over.
 *
 * TCP is one; TLS will be another, on top of TCP's. The transport embeds this struct and
 * fills the ops; the user (an HTTP connection) sets notify and user.
 *
 * Receiving: bytes that arrived in order lie in rx. The user takes mbufs off its head (or
 * trims it) and then says bytestream_consumed(), which is what reopens the peer's window:
 * bytes left in rx are the backpressure.
 *
 * Sending: the user writes pieces; the transport keeps them until the peer has them.
 * tx_queued counts what it holds. A user that finds tx_queued >= tx_limit stops and is
 * notified with BS_WRITABLE when it has fallen to half of it. taken_ms says when the peer last
 * acknowledged any of it, which is nobody's event: who times the stream looks when time is up.
 *
 * Notifications come from the transport's event phase, never from inside a call the user
 * makes, so that a user may abort or release a stream anywhere. After release or abort the
 * transport never notifies again and the user must not touch the stream. BS_CLOSED frees
 * nothing: the stream stays, dead, until the user releases or aborts it (both then free it). */
#pragma once
#include <base/mbq.h>

struct bytestream;

enum bytestream_event {
	BS_CONNECTED = 1u << 0, /* active open succeeded; ready to write */
	BS_READABLE = 1u << 1,  /* rx grew */
	BS_EOF = 1u << 2,       /* the peer sent its last byte (it is in rx) */
	BS_WRITABLE = 1u << 3,  /* room again after tx_queued had reached tx_limit */
	BS_DRAINED = 1u << 4,   /* after shutdown: the peer has every byte and the FIN */
	BS_CLOSED = 1u << 5,    /* dead: reset, timed out or refused; see error */
};

enum bytestream_error {
	BS_OK,
	BS_REFUSED,     /* RST in answer to our SYN */
	BS_RESET,       /* RST by the peer */
	BS_TIMEOUT,     /* nobody answers: SYN or data retransmitted in vain */
	BS_UNREACHABLE, /* no route or no neighbour */
	BS_NO_MEMORY,
};

struct bytestream_ops {
	/* Takes every mbuf of q (single segments; payload is data_off/data_len). Never
	 * refuses: the user respects tx_limit. */
	void (*write)(struct bytestream *s, struct mbq *q);
	/* n bytes were taken off rx: the receive window may open. */
	void (*consumed)(struct bytestream *s, uint32_t n);
	/* No more writes; FIN follows the queued bytes. Reading goes on. */
	void (*shutdown)(struct bytestream *s);
	/* The user is done: graceful close; queued bytes are still delivered, what arrives
	 * is discarded. The transport frees itself in its own time. */
	void (*release)(struct bytestream *s);
	/* The user is done: RST, everything dropped. */
	void (*abort)(struct bytestream *s);
};

struct bytestream {
	const struct bytestream_ops *ops;
	void (*notify)(struct bytestream *s, uint32_t events); /* enum bytestream_event */
	void *user;
	struct mbq rx;
	uint32_t tx_queued; /* bytes written and not yet acknowledged */
	uint32_t tx_limit;
	uint8_t error;     /* enum bytestream_error, with BS_CLOSED */
	bool eof;          /* BS_EOF was or is about to be notified */
	bool tx_blocked;   /* set by the user when it stopped at tx_limit: wants BS_WRITABLE */
	bool patient;      /* set by the user: its events may wait until others' are done */
	uint32_t taken_ms; /* of the clock, low bits */
};

/* When the peer last took bytes that were written, as far as 49 days tell. */
static inline uint64_t bytestream_taken_us(const struct bytestream *s, uint64_t now_us)
{
	return now_us - (uint64_t)((uint32_t)(now_us / 1000) - s->taken_ms) * 1000;
}

static inline void bytestream_write(struct bytestream *s, struct mbq *q)
{
	s->ops->write(s, q);
}

static inline void bytestream_consumed(struct bytestream *s, uint32_t n)
{
	s->ops->consumed(s, n);
}

static inline void bytestream_shutdown(struct bytestream *s)
{
	s->ops->shutdown(s);
}

static inline void bytestream_release(struct bytestream *s)
{
	s->ops->release(s);
}

static inline void bytestream_abort(struct bytestream *s)
{
	s->ops->abort(s);
}

/* Either of the two. */
static inline void bytestream_end(struct bytestream *s, bool abort)
{
	s->user = NULL;
	if (abort)
		bytestream_abort(s);
	else
		bytestream_release(s);
}
