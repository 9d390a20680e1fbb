/* pool.h - packet memory of the fuzz targets that need some: without hugepages, made once. */
#pragma once
#include <rte_mbuf.h>

#include <base/mbq.h>

#include "../eal.h"
#include "fuzz.h"

static inline struct rte_mempool *fuzz_pool(unsigned mbufs)
{
	static struct rte_mempool *it;

	if (it)
		return it;
	MUST(test_eal_init("fuzz", "64"));
	it = rte_pktmbuf_pool_create("fuzz", mbufs, 0, sizeof(struct pkt_priv),
				     2048 + RTE_PKTMBUF_HEADROOM, 0);
	MUST(it);
	return it;
}
