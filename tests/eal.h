/* eal.h - DPDK for a test program: one core, no hugepages, no devices. */
#pragma once
#include <stdbool.h>

#include <rte_common.h>
#include <rte_eal.h>

static inline bool test_eal_init(const char *name, const char *memory_mib)
{
	const char *args[] = {name, "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
			      "-l", "0",         "-m",          memory_mib, "--log-level=error"};

	return rte_eal_init((int)RTE_DIM(args), (char **)(uintptr_t)args) >= 0;
}
