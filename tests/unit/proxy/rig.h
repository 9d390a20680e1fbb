/* rig.h - a whole proxy between a client and an origin that are both the test.
 *
 * One listener per kind of outcome; time stands still unless it is told to move. rig_close()
 * checks that nothing was left behind. */
#pragma once
#include "message.h"

#include <proxy/proxy.h>
#include <upstream/mailbox.h>

enum rig_port {
	PORT_ROUTED = 80,     /* every request goes to endpoint 0 (1, 2 on retries) */
	PORT_NO_HOST = 81,    /* 404 NR */
	PORT_NO_CLUSTER = 82, /* 503 NC */
	PORT_EMPTY = 83,      /* 503 UH */
	PORT_TCP = 84,        /* a TCP route to endpoint 0 */
};

#define RIG_ENDPOINTS 3
#define RIG_PORTS     5

struct rig {
	struct proxy *px;
	struct tcp_ctx tcp;
	struct net net;
	struct rte_mempool *pool; /* the proxy's */
	struct rte_mempool *wire; /* of what arrives */
	struct http_config http;
	struct counters counters;
	struct log_ring *log;
	struct request_stats *stats;
	uint64_t now_us;
	unsigned steered;     /* connections that were asked about */
	unsigned next_origin; /* tcp.peers before this have been looked at */
	uint16_t next_port;
	/* The snapshot and all it points to; tests change it before they use it. */
	struct snapshot snap;
	struct listener listeners[RIG_PORTS];
	const struct listener *listener_slots[8], *listener_by_id[RIG_PORTS];
	struct vhost vhosts[RIG_PORTS];
	struct route routes[RIG_PORTS];
	struct split_target targets[RIG_PORTS];
	struct tcp_route tcp_route; /* to the last of them */
	struct cluster clusters[2];
	const struct cluster *cluster_by_id[2];
	struct endpoint_set sets[2];
	struct endpoint endpoints[RIG_ENDPOINTS];
	const struct endpoint *endpoint_by_id[RIG_ENDPOINTS];
	struct mailbox mailbox;           /* of a worker that is alone */
	bool busy;                        /* never has time for copies */
	struct message request, response; /* the last ones read */
};

/* Once per program. */
int rig_global_setup(void **state);

struct rig *rig_open(void);
/* One of several workers with these mailboxes. */
struct rig *rig_open_worker(unsigned worker, struct mailbox *mailboxes);
void rig_close(struct rig *r);
/* For cmocka: state is a struct rig. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* Passes until nothing happens any more. */
void rig_run(struct rig *r);
/* One pass: arrivals, timers, events, departures. True when there is more to do. */
bool rig_pass(struct rig *r);
void rig_wait(struct rig *r, uint64_t us);

struct peer *rig_client(struct rig *r, enum rig_port port);
struct peer *rig_client_from(struct rig *r, enum rig_port port, const char *ip);
/* The next connection that the proxy opened; fails when there is none. */
struct peer *rig_origin(struct rig *r);
bool rig_has_origin(const struct rig *r);

/* Says it, runs, and reads the other side's whole message into r->request or r->response;
 * fails when it is not whole. */
void rig_ask(struct rig *r, struct peer *client, const char *text);
void rig_expect_request(struct rig *r, struct peer *origin);
void rig_expect_response(struct rig *r, struct peer *client, int status);
void rig_expect_response_to_head(struct rig *r, struct peer *client, int status);
void rig_expect_silence(struct rig *r, struct peer *p);
void rig_answer(struct rig *r, struct peer *origin, const char *text);

uint64_t rig_count(const struct rig *r, enum counter_id id);
/* The body of the last response or request, compared. */
void rig_check_body(const struct message *m, const char *body);
void rig_check_field(const struct message *m, const char *name, const char *value);

/* The next access log record; fails when there is none. */
const struct log_record *rig_log(struct rig *r);
void rig_check_no_log(struct rig *r);
/* A text of the record, as a string; valid until the next call. */
const char *rig_log_text(const struct log_record *rec, enum log_text id);
/* Takes the next record and checks it. details: NULL is "absent". */
const struct log_record *rig_check_log(struct rig *r, unsigned status, uint32_t flags,
				       const char *details);
/* Requests counted under this status and these flags. */
uint64_t rig_requests(const struct rig *r, unsigned status, uint32_t flags);
