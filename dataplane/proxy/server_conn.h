/* server_conn.h - the layout of a client connection; private to server*.c. */
#pragma once
#include <proxy/server.h>

/* A request body nobody wants any more is read to its end if it is no longer than this;
 * otherwise the connection is closed. */
#define SERVER_DRAIN_MAX (64u * 1024)

enum server_state {
	SERVER_HEAD,  /* between requests, or in a request's head */
	SERVER_BODY,  /* request body */
	SERVER_DONE,  /* request complete, response under way */
	SERVER_DRAIN, /* response complete, the rest of the request is read and dropped */
};

struct h1_server {
	struct exchange_end end; /* first */
	struct bytestream *bs;
	struct proxy *px;
	struct stream *stream; /* of the current request */
	uint64_t deadline_us;
	uint32_t request_us; /* when the current request was complete: the low bits */
	uint32_t known; /* more than TCP knows: its number in px->downstreams and 1; 0: nothing */
	uint32_t scanned;
	uint8_t state; /* enum server_state */
	uint8_t method;
	uint8_t minor;
	bool keep_alive : 1;
	bool chunked : 1;         /* the response is sent chunked */
	bool until_close : 1;     /* the response ends with the connection */
	bool head_timed : 1;      /* the head's first byte has come */
	bool answered : 1;        /* the final response head was sent */
	bool awaits_continue : 1; /* the client holds its body back until it is told to go on */
	bool entered : 1, dead : 1;
	struct conn_count *count; /* where its listener counts it; NULL: nowhere */
	struct h1_body body;
	uint32_t listener_id, listener_gen;
	struct wheel_timer timer;
	struct h1_server *next, *prev;
};

static_assert(sizeof(struct h1_server) <= 2 * WEIR_CACHE_LINE, "two lines a client connection");

/* NULL: nothing but its TCP stream. */
static inline struct downstream *server_known(const struct h1_server *c)
{
	return c->known ? slab_at(&c->px->downstreams, c->known - 1) : NULL;
}

static inline struct h1_server *server_of(struct exchange_end *e)
{
	return (struct h1_server *)((char *)e - offsetof(struct h1_server, end));
}

/* server.c */
/* In order: TCP still delivers what was written and drops what arrives, so that the client sees
 * the answer and not a reset (RFC 9112 9.6). The object may be gone afterwards. */
void server_close(struct h1_server *c, bool abort);
/* 0: never. */
void server_set_deadline(struct h1_server *c, uint64_t after_us);
void server_next_request(struct h1_server *c);
/* Runs the connection, unless somebody does who then will go on with it. */
void server_resume(struct exchange_end *e);

/* server_read.c */
/* Handles what arrived. The connection is entered; it may be dead afterwards. */
void server_run(struct h1_server *c);
/* Answers what never became a request, or whose body broke the rules, and closes (RFC 9112 2.2
 * and 3). */
void server_refuse(struct h1_server *c, uint16_t status, enum response_flag flag,
		   const char *details);

/* server_write.c */
extern const struct exchange_ops server_ops;
