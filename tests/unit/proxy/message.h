/* message.h - how the tests read HTTP/1.1: a reader of their own, so that a mistake of the codec
 * is not repeated by its judge. */
#pragma once
#include "fake_transport.h"

enum message_kind {
	MESSAGE_REQUEST,
	MESSAGE_RESPONSE,
	MESSAGE_RESPONSE_TO_HEAD,
};

struct message {
	char line[8192];    /* start line */
	int status;         /* of a response */
	char fields[70000]; /* lines, each ended by '\n' */
	struct bytes body;
	unsigned chunks;
	bool chunked;
	bool until_close;
};

void message_free(struct message *m);

/* Takes one whole message off what p heard; false when it has not all come. Fails the test when
 * it is not HTTP. */
bool message_take(struct peer *p, struct message *m, enum message_kind kind);

/* The value of the n-th field of that name, NULL when there is none. Valid until the next call
 * with any message. */
const char *message_field_at(const struct message *m, const char *name, unsigned n);
const char *message_field(const struct message *m, const char *name);
