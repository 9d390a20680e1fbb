/* account.h - what is remembered of a finished request: counters by label, the access log. */
#pragma once
#include <proxy/proxy.h>

struct session;
struct stream;
struct tcp_tuple;

/* Where each key's row lies in the worker's request_stats; keys by cluster id, so that the hot
 * path compares numbers and not names. */
struct request_index *request_index_create(void);
void request_index_destroy(struct request_index *ix);

/* Both count the request and, when the log is on, hand a record to the control thread. */
void account_request(struct stream *s);
/* A connection of a TCP route: its target is chosen, and it is over. */
void account_session_begin(const struct session *x);
void account_session(const struct session *x);
/* A request that never became one: refused by the parser, or for lack of room. direct:
 * stream_begin() says what it is. */
void account_refused(struct proxy *px, const struct tcp_tuple *t, const struct net_addr *direct,
		     uint16_t status, enum response_flag flag, const char *details);
