/* fixture.h - a gateway's state as the admin API sees it: two workers, one snapshot. */
#pragma once
#include <admin/state.h>

#include "fake_dataplane.h"

struct fixture {
	struct node_config node;
	struct dataplane *dataplane;
	struct snapshot snapshot;
	struct publish_cell cell;
	struct admin_state state;
};

/* Ready to serve: a listener with three hosts on two virtual hosts, two clusters. */
void fixture_init(struct fixture *f);
void fixture_fini(struct fixture *f);
