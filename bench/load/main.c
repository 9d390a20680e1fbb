/* main.c - weir-load: an HTTP/1.1 client and backend on one core. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "load.h"

#define EAL_ARGS 16
#define EAL_WORD 4096

enum exit_code { EXIT_MEASURED = 0, EXIT_NOT = 1, EXIT_USAGE = 2 };

static volatile int stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static bool is_pci(const char *device)
{
	return strspn(device, "0123456789abcdefABCDEF:.") == strcspn(device, ",") &&
	       strchr(device, ':');
}

/* "0@(1,3)": lcore 0 may run on these CPUs: the one asked for, or all that this process has. */
static void write_lcores(const struct options *o, char *out, size_t max)
{
	size_t len = (size_t)snprintf(out, max, "0@(");
	cpu_set_t cpus;

	if (o->lcore >= 0 || sched_getaffinity(0, sizeof(cpus), &cpus) != 0) {
		snprintf(out + len, max - len, "%d)", o->lcore >= 0 ? o->lcore : 0);
		return;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE && len + 16 < max; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			len += (size_t)snprintf(out + len, max - len, "%d,", cpu);
	out[len - 1] = ')';
}

/* The EAL wants words that it can write to, and keeps them. */
static bool start_eal(const struct options *o)
{
	static char words[EAL_ARGS][EAL_WORD];
	const char *from[EAL_ARGS] = {"weir-load", "--no-telemetry", "--log-level=warning"};
	char *args[EAL_ARGS];
	int n = 3;

	/* This driver complains of what does not matter (secondary processes) and of what is
	 * said better by load_open(). */
	from[n++] = "--log-level=pmd.net.memif:critical";
	from[n++] = o->hugepages ? "--in-memory" : "--no-huge";
	if (!o->hugepages)
		from[n++] = "--no-shconf";
	from[n++] = is_pci(o->device) ? "-a" : "--no-pci";
	if (is_pci(o->device))
		from[n++] = o->device;
	from[n++] = "-m";
	snprintf(words[n++], EAL_WORD, "%u", o->memory_mib);
	from[n++] = "--lcores";
	write_lcores(o, words[n++], EAL_WORD);
	for (int i = 0; i < n; i++) {
		if (from[i])
			snprintf(words[i], EAL_WORD, "%s", from[i]);
		args[i] = words[i];
	}
	return rte_eal_init(n, args) >= 0;
}

/* The EAL leaves its runtime directory behind, empty. */
static void stop_eal(void)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	if (rmdir(dir) == 0 && strrchr(dir, '/')) {
		*strrchr(dir, '/') = '\0';
		rmdir(dir);
	}
}

static int print_pattern(uint32_t n)
{
	static struct pattern pattern;

	pattern_init(&pattern);
	for (uint32_t i = 0; i < n; i++)
		putchar(*pattern_at(&pattern, i));
	return fflush(stdout) == 0 ? EXIT_MEASURED : EXIT_NOT;
}

static bool write_result(const struct load *l)
{
	FILE *f = l->o.json ? fopen(l->o.json, "w") : stdout;

	if (!f) {
		fprintf(stderr, "weir-load: --json %s: %s\n", l->o.json, strerror(errno));
		return false;
	}
	result_write(l, f);
	if (f == stdout)
		return fflush(f) == 0;
	return fclose(f) == 0;
}

static int run(struct load *l)
{
	struct sigaction on_stop = {.sa_handler = on_signal};
	char err[512] = "";
	int code = EXIT_NOT;

	if (!start_eal(&l->o)) {
		fprintf(stderr, "weir-load: cannot start DPDK: %s\n", rte_strerror(rte_errno));
		return EXIT_NOT;
	}
	sigaction(SIGINT, &on_stop, NULL);
	sigaction(SIGTERM, &on_stop, NULL);
	if (load_open(l, &stop, err, sizeof(err)) && load_run(l, &stop, err, sizeof(err)) &&
	    write_result(l))
		code = EXIT_MEASURED;
	if (err[0])
		fprintf(stderr, "weir-load: %s\n", err);
	load_close(l);
	stop_eal();
	return code;
}

static bool may_run_on(int32_t cpu)
{
	cpu_set_t cpus;

	if (cpu < 0 || sched_getaffinity(0, sizeof(cpus), &cpus) != 0 || CPU_ISSET(cpu, &cpus))
		return true;
	fprintf(stderr, "weir-load: --lcore %d: this process may not run on that CPU\n", cpu);
	return false;
}

int main(int argc, char **argv)
{
	struct load *l = memory_reserve(sizeof(*l));

	if (!l) {
		fprintf(stderr, "weir-load: out of memory\n");
		return EXIT_NOT;
	}
	switch (options_parse(&l->o, argc, argv, stdout, stderr)) {
	case OPTIONS_DONE:
		return EXIT_MEASURED;
	case OPTIONS_BAD:
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	if (!may_run_on(l->o.lcore))
		return EXIT_USAGE;
	return l->o.print_pattern ? print_pattern(l->o.print_pattern) : run(l);
}
