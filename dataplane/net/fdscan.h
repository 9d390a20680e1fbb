/* fdscan.h - which kernel sockets a device opened: DPDK's drivers do not say, and a worker
 * that wants to sleep must know. */
#pragma once
#include <stdint.h>

#define FDSCAN_MAX 4096 /* higher descriptors are not looked at */

struct fdscan {
	uint64_t open[FDSCAN_MAX / 64];
};

enum fdscan_kind {
	FDSCAN_OTHER,
	FDSCAN_XDP,
	FDSCAN_PACKET,
	FDSCAN_TUN,
};

/* What is open now. When /proc cannot be read, nothing is. */
void fdscan_take(struct fdscan *s);

/* Descriptors opened since `before` that signal packets, ascending; at most max. kind:
 * FDSCAN_OTHER for any of the others. */
unsigned fdscan_find_new(const struct fdscan *before, enum fdscan_kind kind, int *fds,
			 unsigned max);
