/* pcapng.h - what a capture has, as a pcapng file (draft-ietf-opsawg-pcapng). Written here, for
 * DPDK's writer wants mbufs, which a capture must not hold on to. */
#pragma once
#include <config/node.h>
#include <weir/capture.h>

#include "text.h"

/* No worker writes to c any more. Interfaces are those of node, in its order. */
void pcapng_write(struct text *out, const struct capture *c, const struct node_config *node);
