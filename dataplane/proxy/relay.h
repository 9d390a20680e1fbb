/* relay.h - two byte streams joined: what one brings is sent to the other, and nothing copied. What
 * the other has no room for waits where it arrived; a half closes when its source does. */
#pragma once
#include <stdbool.h>

#include <base/bytestream.h>

enum relay_side { RELAY_CLIENT, RELAY_SERVER, RELAY_SIDES };

struct relay;

/* For a server's side that does not look like the client's: bytes are framed there. Each is false
 * when that cannot be done. */
struct relay_coder {
	/* Of q, which the client brought, in place; last: nothing follows. */
	bool (*encode)(struct relay *r, struct mbq *q, bool last);
	/* Moves to q what the *used bytes mean that it takes off rx. *last comes as whether the
	 * server has ended, and leaves as whether its content has. */
	bool (*decode)(struct relay *r, struct mbq *rx, struct mbq *q, uint32_t *used, bool *last);
};

struct relay {
	const struct relay_coder *coder; /* NULL: bytes pass as they are */
	struct bytestream *ends[RELAY_SIDES];
	uint64_t bytes[RELAY_SIDES]; /* that each has brought, without framing */
	uint64_t moved_us;           /* when the last of them came */
	uint8_t ended;               /* a bit for each side that has nothing more to bring */
};

enum relay_verdict {
	RELAY_GOES_ON,
	RELAY_ENDED, /* both sides have */
	RELAY_LOST_CLIENT,
	RELAY_LOST_SERVER,
	RELAY_BROKEN, /* by the coder */
};

/* Joins the two, whose events then go to relay_event(), and moves what they have brought already:
 * that is not notified again. r is zero but for its coder. */
enum relay_verdict relay_begin(struct relay *r, struct bytestream *client,
			       struct bytestream *server, uint64_t now_us);
enum relay_verdict relay_event(struct relay *r, struct bytestream *bs, uint32_t events,
			       uint64_t now_us);

/* What a verdict says of the connection in the access log: enum response_flag; 0: nothing. */
uint32_t relay_flag(enum relay_verdict v);

/* When any byte last came from, or was taken by, either side. */
uint64_t relay_active_us(const struct relay *r, uint64_t now_us);

/* Gives up both streams, in order or by reset. */
void relay_close(struct relay *r, bool abort);
