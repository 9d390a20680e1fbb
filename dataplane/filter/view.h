/* view.h - what the filters may look at: one request, and its response once there is one. */
#pragma once
#include <base/scratch.h>
#include <http/message.h>
#include <weir/addr.h>

struct filter_view {
	const struct http_head *req;  /* as it came */
	const struct http_head *resp; /* NULL before there is one */
	struct slice request_id;      /* as it travels: req may not have it */
	const struct net_addr *client, *local, *upstream;
	const struct net_addr *direct; /* TCP's peer: the client, or a proxy that announced it */
	const char *cluster, *route;   /* NULL: none */
	uint64_t start_us;             /* since the epoch */
	uint16_t status;               /* 0 before there is one */
	uint8_t minor;                 /* HTTP/1.minor of the request */
	struct scratch *scratch;       /* for what is made */
};
