/* eal.c - see eal.h. */
#include "eal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>

#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages"
#define MIB           (1024u * 1024u)
#define ARGS_MAX      (32 + WEIR_PORTS_MAX * BOND_MEMBERS_MAX * 2)
#define CPU_LIST_MAX  4096
#define FILES_WANTED  65536u

/* ---- the machine ---- */

static uint64_t read_count(const char *dir, const char *entry)
{
	char path[512];
	unsigned long long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/free_hugepages", dir, entry);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

uint64_t eal_free_hugepages(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	uint64_t bytes = 0;

	while (d && (e = readdir(d)) != NULL) {
		unsigned long kib;

		if (sscanf(e->d_name, "hugepages-%lukB", &kib) == 1)
			bytes += kib * 1024ull * read_count(dir, e->d_name);
	}
	if (d)
		closedir(d);
	return bytes;
}

void eal_probe_host(struct eal_host *host)
{
	memset(host, 0, sizeof(*host));
	if (sched_getaffinity(0, sizeof(host->cpus), &host->cpus) != 0)
		CPU_SET(0, &host->cpus);
	host->free_hugepage_bytes = eal_free_hugepages(HUGEPAGES_DIR);
}

/* ---- CPUs ---- */

struct cpu_plan {
	bool floating; /* workers share all CPUs with everybody */
	unsigned worker[WEIR_WORKERS_MAX];
	cpu_set_t main;
};

/* Reads "2-5,8" into out; -1 when it is malformed or longer than max. */
static int parse_cpus(const char *s, unsigned *out, unsigned max)
{
	unsigned n = 0;

	for (;;) {
		char *end;
		unsigned long first = strtoul(s, &end, 10), last = first;

		if (end == s)
			return -1;
		if (*end == '-') {
			s = end + 1;
			last = strtoul(s, &end, 10);
			if (end == s)
				return -1;
		}
		if (last < first || last >= CPU_SETSIZE || last - first >= max - n)
			return -1;
		while (first <= last)
			out[n++] = (unsigned)first++;
		if (!*end)
			return (int)n;
		if (*end != ',')
			return -1;
		s = end + 1;
	}
}

static int plan_listed(const struct node_config *cfg, const struct eal_host *host,
		       struct cpu_plan *plan, char *err, size_t err_len)
{
	int n = parse_cpus(cfg->lcores, plan->worker, WEIR_WORKERS_MAX);

	if (n < 0 || (unsigned)n != cfg->dataplane.n_workers) {
		snprintf(err, err_len,
			 "dataplane.lcores: \"%s\" does not name the CPUs of %u workers",
			 cfg->lcores, cfg->dataplane.n_workers);
		return -EINVAL;
	}
	for (int i = 0; i < n; i++) {
		if (CPU_ISSET(plan->worker[i], &host->cpus))
			continue;
		snprintf(err, err_len, "dataplane.lcores: this process may not run on CPU %u",
			 plan->worker[i]);
		return -EINVAL;
	}
	return 0;
}

/* The last CPUs: interrupts and everything else tend to use the first. */
static void plan_last(const struct eal_host *host, unsigned n_workers, struct cpu_plan *plan)
{
	for (unsigned cpu = CPU_SETSIZE, left = n_workers; cpu-- > 0 && left > 0;)
		if (CPU_ISSET(cpu, &host->cpus))
			plan->worker[--left] = cpu;
}

static int plan_cpus(const struct node_config *cfg, const struct eal_host *host,
		     struct cpu_plan *plan, char *err, size_t err_len)
{
	unsigned n = cfg->dataplane.n_workers;

	memset(plan, 0, sizeof(*plan));
	if (cfg->lcores) {
		if (plan_listed(cfg, host, plan, err, err_len) != 0)
			return -EINVAL;
	} else if (n < (unsigned)CPU_COUNT(&host->cpus)) {
		plan_last(host, n, plan);
	} else {
		plan->floating = true;
	}
	plan->main = host->cpus;
	for (unsigned i = 0; !plan->floating && i < n; i++)
		CPU_CLR(plan->worker[i], &plan->main);
	if (CPU_COUNT(&plan->main) == 0)
		plan->main = host->cpus;
	return 0;
}

/* ---- arguments ---- */

struct builder {
	struct arena *arena;
	struct eal_args *out;
};

static void push(struct builder *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void push(struct builder *b, const char *fmt, ...)
{
	char text[CPU_LIST_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	b->out->argv[b->out->argc++] = arena_strdup(b->arena, text);
}

/* "(0-3,5)", as --lcores takes it. */
static void format_cpus(const cpu_set_t *set, char *out, size_t max)
{
	size_t len = (size_t)snprintf(out, max, "(");

	for (unsigned cpu = 0; cpu < CPU_SETSIZE && len + 16 < max; cpu++) {
		unsigned last = cpu;

		if (!CPU_ISSET(cpu, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		len += (size_t)snprintf(out + len, max - len, last > cpu ? "%s%u-%u" : "%s%u",
					len > 1 ? "," : "", cpu, last);
		cpu = last;
	}
	snprintf(out + len, max - len, ")");
}

static void push_lcores(struct builder *b, const struct cpu_plan *plan, unsigned n_workers)
{
	char cpus[512], list[CPU_LIST_MAX];
	size_t len;

	format_cpus(&plan->main, cpus, sizeof(cpus));
	len = (size_t)snprintf(list, sizeof(list), "0@%s", cpus);
	for (unsigned i = 0; i < n_workers && len < sizeof(list); i++) {
		size_t left = sizeof(list) - len;

		len += (size_t)(plan->floating ? snprintf(list + len, left, ",%u@%s", i + 1, cpus)
					       : snprintf(list + len, left, ",%u@%u", i + 1,
							  plan->worker[i]));
	}
	push(b, "--lcores");
	push(b, "%s", list);
}

static void push_memory(struct builder *b, const struct node_config *cfg,
			const struct eal_host *host)
{
	uint64_t bytes = cfg->dataplane.memory;
	bool huge = strcmp(cfg->hugepages, "on") == 0 ||
		    (strcmp(cfg->hugepages, "auto") == 0 && host->free_hugepage_bytes >= bytes);

	/* Nothing is left behind in /var/run and /dev/hugepages, whatever the memory is; DPDK
	 * refuses --in-memory together with --no-huge. */
	push(b, huge ? "--in-memory" : "--no-huge");
	if (!huge)
		push(b, "--no-shconf");
	push(b, "-m");
	push(b, "%llu", (unsigned long long)((bytes + MIB - 1) / MIB));
}

/* "0000:03:00.0" or "03:00.0", device arguments after a comma allowed. */
static bool is_pci(const char *device)
{
	char address[16];
	unsigned domain, bus, dev, fn;
	int end = 0, len = (int)strcspn(device, ",");

	/* Only these: scanf alone would take "0x" for a number. */
	if (len >= (int)sizeof(address) || strspn(device, "0123456789abcdefABCDEF:.") < (size_t)len)
		return false;
	memcpy(address, device, (size_t)len);
	address[len] = '\0';
	if (sscanf(address, "%x:%x:%x.%x%n", &domain, &bus, &dev, &fn, &end) == 4 && end == len)
		return true;
	return sscanf(address, "%x:%x.%x%n", &bus, &dev, &fn, &end) == 3 && end == len;
}

static unsigned push_pci(struct builder *b, const char *device)
{
	if (!is_pci(device))
		return 0;
	push(b, "-a");
	push(b, "%s", device);
	return 1;
}

static void push_devices(struct builder *b, const struct dataplane_config *dp)
{
	unsigned pci = 0;

	for (unsigned i = 0; i < dp->n_ifaces; i++) {
		const struct bond_config *bond = &dp->ifaces[i].bond;

		if (bond->mode == BOND_NONE)
			pci += push_pci(b, dp->ifaces[i].device);
		for (unsigned k = 0; k < bond->n_members; k++)
			pci += push_pci(b, bond->members[k]);
	}
	/* Otherwise every NIC that is bound to vfio would be taken. */
	if (pci == 0)
		push(b, "--no-pci");
}

int eal_build_args(const struct node_config *cfg, const struct eal_host *host, struct arena *arena,
		   struct eal_args *out, char *err, size_t err_len)
{
	struct builder b = {arena, out};
	struct cpu_plan plan;

	if (plan_cpus(cfg, host, &plan, err, err_len) != 0)
		return -EINVAL;
	out->argc = 0;
	out->argv = arena_array(arena, ARGS_MAX + cfg->eal.n + 1, sizeof(*out->argv));
	push(&b, "weir");
	push(&b, "--no-telemetry");
	push(&b, "--log-level=warning");
	push_lcores(&b, &plan, cfg->dataplane.n_workers);
	push_memory(&b, cfg, host);
	push_devices(&b, &cfg->dataplane);
	for (uint32_t i = 0; i < cfg->eal.n; i++)
		push(&b, "%s", cfg->eal.items[i]);
	return 0;
}

/* ---- start ---- */

/* Device drivers lock their rings (AF_XDP counts them against RLIMIT_MEMLOCK) and keep files
 * open. Without the right to raise a limit the device says what it lacks. */
static void raise_limits(void)
{
	struct rlimit memory = {RLIM_INFINITY, RLIM_INFINITY}, files;

	setrlimit(RLIMIT_MEMLOCK, &memory);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED) {
		files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int eal_start(const struct node_config *cfg, struct arena *arena, char *err, size_t err_len)
{
	struct eal_host host;
	struct eal_args args;
	char **argv;

	eal_probe_host(&host);
	if (eal_build_args(cfg, &host, arena, &args, err, err_len) != 0)
		return -EINVAL;
	raise_limits();
	/* The EAL reorders what it is given. */
	argv = arena_array(arena, (size_t)args.argc + 1, sizeof(*argv));
	memcpy(argv, args.argv, (size_t)args.argc * sizeof(*argv));
	if (rte_eal_init(args.argc, argv) >= 0)
		return 0;
	snprintf(err, err_len,
		 "cannot start DPDK: %s (see its messages above; %llu MiB of memory "
		 "were asked for)",
		 rte_strerror(rte_errno), (unsigned long long)(cfg->dataplane.memory / MIB));
	return -EIO;
}

/* The EAL leaves its runtime directory behind, empty. Another process that uses one keeps it
 * alive with a file, or does without. */
void eal_stop(void)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	if (rmdir(dir) == 0 && strrchr(dir, '/')) {
		*strrchr(dir, '/') = '\0';
		rmdir(dir);
	}
}
