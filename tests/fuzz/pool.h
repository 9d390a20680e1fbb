/* pool.h - packet memory of the fuzz targets that need some: without hugepages, made once. */
#pragma once
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <base/mbq.h>

#include "fuzz.h"

static inline struct rte_mempool *fuzz_pool(unsigned mbufs)
{
	static struct rte_mempool *it;
	static char *eal[] = {(char *)"fuzz",
			      (char *)"--no-huge",
			      (char *)"--no-shconf",
			      (char *)"--no-pci",
			      (char *)"--no-telemetry",
			      (char *)"-l",
			      (char *)"0",
			      (char *)"-m",
			      (char *)"64",
			      (char *)"--log-level=error"};

	if (it)
		return it;
	MUST(rte_eal_init(10, eal) >= 0);
	it = rte_pktmbuf_pool_create("fuzz", mbufs, 0, sizeof(struct pkt_priv),
				     2048 + RTE_PKTMBUF_HEADROOM, 0);
	MUST(it);
	return it;
}
