/* eal.h - DPDK for a test program: no hugepages, no devices but virtual ones. */
#pragma once
#include <stdbool.h>

#include <rte_common.h>
#include <rte_eal.h>

/* lcores: as EAL's --lcores. */
static inline bool test_eal_init_on(const char *lcores, const char *name, const char *memory_mib)
{
	const char *args[] = {
		name,       "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"--lcores", lcores,      "-m",          memory_mib, "--log-level=error"};

	return rte_eal_init((int)RTE_DIM(args), (char **)(uintptr_t)args) >= 0;
}

/* On one core. */
static inline bool test_eal_init(const char *name, const char *memory_mib)
{
	return test_eal_init_on("0", name, memory_mib);
}
