/* eal.h - decides on which CPUs and in which memory DPDK runs, and starts it. */
#pragma once
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#include <common/arena.h>
#include <config/node.h>

/* What the machine offers. */
struct eal_host {
	cpu_set_t cpus; /* those this process may run on */
	uint64_t free_hugepage_bytes;
};

void eal_probe_host(struct eal_host *host);
/* Sum over all page sizes below a directory like /sys/kernel/mm/hugepages. */
uint64_t eal_free_hugepages(const char *dir);

struct eal_args {
	int argc;
	char **argv; /* NULL-terminated */
};

/* The EAL's arguments: lcore 0 is the control thread, 1 to n_workers are the workers. The
 * strings live in `arena`. Returns 0, or -EINVAL with a sentence in err. */
int eal_build_args(const struct node_config *cfg, const struct eal_host *host, struct arena *arena,
		   struct eal_args *out, char *err, size_t err_len);

/* Raises the limits that devices need and starts the EAL. 0, or -errno with a sentence in
 * err. `arena` must live until eal_stop(). */
int eal_start(const struct node_config *cfg, struct arena *arena, char *err, size_t err_len);
void eal_stop(void);
