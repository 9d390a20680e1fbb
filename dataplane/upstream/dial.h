/* dial.h - the TCP connection under everything that is said to an endpoint: opened as its cluster
 * wants it, and begun with the PROXY protocol's header. Whose it is, and when it ends, is the
 * caller's business. */
#pragma once
#include <upstream/upstream.h>

/* NULL: it cannot even be tried, *why says why; else BS_CONNECTED or BS_CLOSED follows. */
struct bytestream *upstream_dial(const struct upstream *u, const struct cluster *c,
				 const struct endpoint *e, enum upstream_failure *why);

/* Of an enum bytestream_error that a connect ended with. */
enum upstream_failure upstream_dial_failure(uint8_t error);

/* Says whose connection this is, before anything else. version: the endpoint's announce. False when
 * memory is short. */
bool upstream_announce(const struct upstream *u, struct bytestream *bs, unsigned version,
		       const struct net_addr *source, const struct net_addr *destination);
