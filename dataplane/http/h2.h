/* h2.h - HTTP/2 over a bytestream (RFC 9113): what the codec's two sides have in common.
 *
 * nghttp2 owns frames, HPACK, windows and the rules that messages follow; a session here gives it
 * what arrives and writes what it wants to say. Content is not copied on the way: what arrives
 * stays in its mbufs, as far as they hold more than a few bytes of it, and what is sent are the
 * mbufs it was given as.
 *
 * Windows: a stream's is opened when its content was handed on, so that who does not read stops
 * whoever sends to him. The connection's is opened as content arrives: a stream that stands still
 * holds up itself and nobody else. */
#pragma once
#include <base/bytestream.h>
#include <http/exchange.h>
#include <http/h1.h>
#include <http/h2_mem.h>

/* Content of one stream that may wait here for whoever reads it. */
#define H2_STREAM_WINDOW (256u * 1024)

/* Pseudo fields come on top (RFC 9113 8.3). */
#define H2_BLOCK_FIELDS_MAX (HTTP_FIELDS_MAX + 4)

/* A header block that arrives: references to what HPACK decoded. */
struct h2_block {
	uint32_t n, bytes;
	struct {
		nghttp2_rcbuf *name, *value;
	} fields[H2_BLOCK_FIELDS_MAX];
};

struct h2_session;

struct h2_stream {
	struct h2_session *session;
	int32_t id;         /* 0: not begun, or gone */
	struct mbq rx;      /* content that nobody took yet */
	struct mbq tx;      /* content that waits for the peer's windows */
	bool tx_end;        /* nothing follows it */
	bool tx_waits;      /* nghttp2 is to be told when there is more */
	bool rx_end;        /* the peer has said all */
	bool reset_by_peer; /* RST_STREAM came */
	bool unsent;        /* not even its HEADERS frame was sent */
};

/* Why a stream is gone before the peer had said all. */
enum h2_loss {
	H2_RESET,       /* by the peer */
	H2_REFUSED,     /* by the peer, with REFUSED_STREAM */
	H2_UNPROCESSED, /* the peer will not have looked at it: GOAWAY (RFC 9113 6.8) */
	H2_MALFORMED,   /* what came breaks the rules, or our limits */
	H2_NO_MEMORY,
};

/* Told while the session reads or writes: nothing may be read or written meanwhile, all else may
 * be done. */
struct h2_events {
	void (*head)(struct h2_stream *st, const struct h2_block *b);
	/* rx has grown, or rx_end is set. */
	void (*data)(struct h2_stream *st);
	/* Some of tx was sent. */
	void (*sent)(struct h2_stream *st);
	/* The stream is gone: the session knows it no more. */
	void (*lost)(struct h2_stream *st, enum h2_loss why);
	void (*pong)(struct h2_session *s);
};

struct h2_session {
	nghttp2_session *ng;
	const struct h2_events *events;
	struct rte_mempool *pool;
	struct h1_limits limits;
	struct mbq out;      /* framed and not yet written */
	uint32_t room;       /* for it, in the stream */
	struct rte_mbuf *in; /* whose bytes nghttp2 looks at; NULL: a stream has taken it */
	uint32_t hollow;     /* frames in a row that brought nothing */
	struct h2_block block;
};

/* The client's side; its preface is the first thing written. False when memory is short. s is
 * zeroed but for pool, events and limits. */
bool h2_session_open(struct h2_session *s, struct h2_mem *mem);
void h2_session_close(struct h2_session *s);

enum h2_verdict {
	H2_GO_ON,
	H2_OVER,   /* in order: nothing more will be read */
	H2_BROKEN, /* the peer broke the rules */
	H2_SHORT,  /* of memory */
};

/* Takes all that arrived. */
enum h2_verdict h2_session_read(struct h2_session *s, struct bytestream *bs);
/* Writes as much as there is room for; the stream says when there is more, if it was too little. */
enum h2_verdict h2_session_write(struct h2_session *s, struct bytestream *bs);

/* Streams that the peer lets us open, in all. */
uint32_t h2_session_streams_max(const struct h2_session *s);
/* May another be begun? Not after GOAWAY, nor when their numbers have run out. */
bool h2_session_may_open(const struct h2_session *s);
bool h2_session_ping(struct h2_session *s);
/* The last words: GOAWAY. */
void h2_session_bye(struct h2_session *s);

/* Begins st with a request. False when it cannot. */
bool h2_stream_open(struct h2_stream *st, struct h2_session *s, const nghttp2_nv *nv, size_t n,
		    bool body);
/* Takes data, which follows what was sent before. */
void h2_stream_send(struct h2_stream *st, struct mbq *data);
void h2_stream_end(struct h2_stream *st);
/* n bytes were taken off rx. */
void h2_stream_consumed(struct h2_stream *st, uint32_t n);
/* Forgets the stream. What is not said by either side is not wanted: RST_STREAM. */
void h2_stream_leave(struct h2_stream *st);
