/* session_rig.h - what tests of TCP routes' connections share. */
#pragma once
#include "rig.h"

#define CONNECT "CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n"
#define POST    "POST / HTTP/1.1\r\nhost: db.test:5432\r\ntransfer-encoding: chunked\r\n\r\n"
#define GRANTED "HTTP/1.1 200 OK\r\n\r\n"

#define SECOND 1000000ull

struct session_pair {
	struct peer *client, *origin;
};

/* A client of PORT_TCP, and the connection that was opened for it. */
struct session_pair session_open(struct rig *r);
void session_behind_tunnel(struct rig *r, bool post);

/* Exactly this was heard since the last time. */
void session_check_heard(struct peer *p, const char *text);
/* The next record; nothing of it is HTTP's. */
const struct log_record *session_check_log(struct rig *r, uint32_t flags, const char *why);
/* In order, and no session is left. */
void session_check_closed(struct rig *r, struct peer *client);

/* The proxy's memory, all that is free. */
struct session_mbufs {
	struct rte_mbuf *m[16384];
	unsigned n;
};

void session_take_mbufs(struct rig *r, struct session_mbufs *held);
void session_give_mbufs(struct session_mbufs *held);
