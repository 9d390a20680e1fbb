/* The EAL's arguments for machines of several shapes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "eal.h"

#define MIB (1024ull * 1024)

struct fixture {
	struct node_config cfg;
	struct eal_host host;
	struct arena *arena;
	char line[4096], err[256];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->arena = arena_create();
	f->cfg.hugepages = "auto";
	f->cfg.dataplane.n_workers = 1;
	f->cfg.dataplane.memory = 512 * MIB;
	CPU_ZERO(&f->host.cpus);
	for (int i = 0; i < 4; i++)
		CPU_SET(i, &f->host.cpus);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	arena_destroy(((struct fixture *)*state)->arena);
	free(*state);
	return 0;
}

static int build(struct fixture *f)
{
	struct eal_args args;
	int rc = eal_build_args(&f->cfg, &f->host, f->arena, &args, f->err, sizeof(f->err));

	f->line[0] = '\0';
	for (int i = 0; rc == 0 && i < args.argc; i++) {
		strcat(f->line, i ? " " : "");
		strcat(f->line, args.argv[i]);
	}
	if (rc == 0)
		assert_null(args.argv[args.argc]);
	return rc;
}

static void assert_args(struct fixture *f, const char *part)
{
	if (build(f) != 0)
		fail_msg("%s", f->err);
	if (!strstr(f->line, part))
		fail_msg("no \"%s\" in %s", part, f->line);
}

static void set_device(struct fixture *f, const char *device)
{
	strcpy(f->cfg.dataplane.ifaces[f->cfg.dataplane.n_ifaces++].device, device);
}

static void whole_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(build(f), 0);
	assert_string_equal(f->line, "weir --no-telemetry --log-level=warning "
				     "--lcores 0@(0-2),1@3 --no-huge --no-shconf -m 512 --no-pci");
}

/* ---- CPUs ---- */

static void workers_on_the_last_cpus(void **state)
{
	struct fixture *f = *state;

	f->cfg.dataplane.n_workers = 3;
	assert_args(f, " --lcores 0@(0),1@1,2@2,3@3 ");
	CPU_CLR(1, &f->host.cpus);
	CPU_SET(70, &f->host.cpus);
	assert_args(f, " --lcores 0@(0),1@2,2@3,3@70 ");
}

static void too_few_cpus_are_shared(void **state)
{
	struct fixture *f = *state;

	f->cfg.dataplane.n_workers = 4;
	assert_args(f, " --lcores 0@(0-3),1@(0-3),2@(0-3),3@(0-3),4@(0-3) ");
	CPU_ZERO(&f->host.cpus);
	CPU_SET(5, &f->host.cpus);
	f->cfg.dataplane.n_workers = 1;
	assert_args(f, " --lcores 0@(5),1@(5) ");
}

static void most_workers_there_may_be(void **state)
{
	struct fixture *f = *state;

	f->cfg.dataplane.n_workers = WEIR_WORKERS_MAX;
	for (int i = 0; i < 128; i += 2)
		CPU_SET(i, &f->host.cpus);
	assert_int_equal(build(f), 0);
	assert_non_null(strstr(f->line, "64@126"));
}

static void listed_cpus(void **state)
{
	struct fixture *f = *state;

	f->cfg.lcores = "1,3";
	f->cfg.dataplane.n_workers = 2;
	assert_args(f, " --lcores 0@(0,2),1@1,2@3 ");
	f->cfg.lcores = "0-3";
	f->cfg.dataplane.n_workers = 4;
	assert_args(f, " --lcores 0@(0-3),1@0,2@1,3@2,4@3 "); /* the control thread shares */
	f->cfg.lcores = "3-3,0-1";
	f->cfg.dataplane.n_workers = 3;
	assert_args(f, " --lcores 0@(2),1@3,2@0,3@1 ");
}

static void listed_cpus_that_cannot_be(void **state)
{
	static const struct {
		const char *lcores;
		unsigned n;
		const char *said;
	} bad[] = {
		{"2-4", 3, "dataplane.lcores: this process may not run on CPU 4"},
		{"1", 2, "dataplane.lcores: \"1\" does not name the CPUs of 2 workers"},
		{"", 1, "dataplane.lcores: \"\" does not name"},
		{"3-1", 1, "dataplane.lcores: \"3-1\" does not name"},
		{"1-", 1, "dataplane.lcores: \"1-\" does not name"},
		{"1,", 1, "dataplane.lcores: \"1,\" does not name"},
		{"x", 1, "dataplane.lcores: \"x\" does not name"},
		{"0-99999999999999999999", 1, "dataplane.lcores: \"0-99"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f->cfg.lcores = bad[i].lcores;
		f->cfg.dataplane.n_workers = bad[i].n;
		assert_int_equal(build(f), -EINVAL);
		if (strncmp(f->err, bad[i].said, strlen(bad[i].said)) != 0)
			fail_msg("%s", f->err);
	}
}

/* ---- memory ---- */

static void hugepages_when_there_are_enough(void **state)
{
	struct fixture *f = *state;

	f->host.free_hugepage_bytes = 512 * MIB;
	assert_args(f, " --in-memory -m 512");
	assert_null(strstr(f->line, "--no-huge"));
	f->host.free_hugepage_bytes--;
	assert_args(f, " --no-huge --no-shconf -m 512");
	f->cfg.hugepages = "on";
	assert_args(f, " --in-memory -m 512");
	assert_null(strstr(f->line, "--no-huge"));
	f->cfg.hugepages = "off";
	f->host.free_hugepage_bytes = 1ull << 40;
	assert_args(f, " --no-huge --no-shconf -m 512");
}

static void memory_is_rounded_up(void **state)
{
	struct fixture *f = *state;

	f->cfg.dataplane.memory = 100 * MIB + 1;
	assert_args(f, " -m 101");
}

static void free_hugepages_are_counted(void **state)
{
	char dir[] = "/tmp/weir-huge-XXXXXX", path[128];
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(eal_free_hugepages(dir), 0);
	snprintf(path, sizeof(path), "%s/hugepages-2048kB", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(eal_free_hugepages(dir), 0);
	strcat(path, "/free_hugepages");
	file = fopen(path, "we");
	fputs("3\n", file);
	fclose(file);
	assert_int_equal(eal_free_hugepages(dir), 6 * MIB);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(dir);
	assert_int_equal(eal_free_hugepages(dir), 0);
}

/* ---- devices ---- */

static void pci_devices_are_named(void **state)
{
	struct fixture *f = *state;

	set_device(f, "net_af_xdp,iface=veth0");
	assert_args(f, " --no-pci");
	set_device(f, "0000:03:00.0");
	set_device(f, "5e:00.1,representor=0");
	assert_args(f, " -a 0000:03:00.0 -a 5e:00.1,representor=0");
	assert_null(strstr(f->line, "--no-pci"));
	assert_null(strstr(f->line, "af_xdp"));
}

static void members_of_bonds_are_named(void **state)
{
	struct fixture *f = *state;
	struct iface_config *iface = &f->cfg.dataplane.ifaces[0];

	set_device(f, "bond of 0000:03:00.0");
	iface->bond = (struct bond_config){
		.mode = BOND_BALANCE, .n_members = 2, .members = {"0000:03:00.0", "0000:04:00.0"}};
	assert_args(f, " -a 0000:03:00.0 -a 0000:04:00.0");
	iface->bond = (struct bond_config){
		.mode = BOND_BALANCE, .n_members = 2, .members = {"net_null0", "net_null1"}};
	assert_args(f, " --no-pci");
}

static void names_that_look_like_pci(void **state)
{
	static const char *const names[] = {"net_tap0", "03:00", "0000:03:00.0x", "a:b:c",
					    "0000:0003:00.0:77777777777"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fixture *f = *state;

		f->cfg.dataplane.n_ifaces = 0;
		set_device(f, names[i]);
		assert_args(f, " --no-pci");
	}
}

static void user_arguments_come_last(void **state)
{
	const char *items[] = {"--iova-mode=va", "-d", "x.so"};
	struct fixture *f = *state;

	f->cfg.eal = (struct string_list){.n = 3, .items = items};
	assert_args(f, " --no-pci --iova-mode=va -d x.so");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(whole_line),
		T(workers_on_the_last_cpus),
		T(too_few_cpus_are_shared),
		T(most_workers_there_may_be),
		T(listed_cpus),
		T(listed_cpus_that_cannot_be),
		T(hugepages_when_there_are_enough),
		T(memory_is_rounded_up),
		T(free_hugepages_are_counted),
		T(pci_devices_are_named),
		T(members_of_bonds_are_named),
		T(names_that_look_like_pci),
		T(user_arguments_come_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
