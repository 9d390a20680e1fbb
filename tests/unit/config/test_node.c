/* test_node.c - the node configuration: every key, every default, every mistake. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <common/codes.h>
#include <config/node.h>

struct loaded {
	struct node_config cfg;
	struct diags d;
	char file[64];
};

static void load_path(struct loaded *l, const char *path)
{
	diags_init(&l->d);
	node_config_load(&l->cfg, path, &l->d);
}

static void load_bytes(struct loaded *l, const char *text, size_t len)
{
	int fd;

	strcpy(l->file, "/tmp/weir-test-node-XXXXXX");
	fd = mkstemp(l->file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	load_path(l, l->file);
	unlink(l->file);
}

static void load(struct loaded *l, const char *text)
{
	load_bytes(l, text, strlen(text));
}

static void unload(struct loaded *l)
{
	node_config_fini(&l->cfg);
	diags_fini(&l->d);
}

static void check_defaults(const struct node_config *c)
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	assert_string_equal(c->name, host);
	assert_string_equal(c->ns, "istio-system");
	assert_null(c->locality);
	assert_int_equal(c->labels.n, 0);
	assert_int_equal(c->workers, 1);
	assert_int_equal(c->dataplane.n_workers, 1);
	assert_int_equal(c->dataplane.http.path_normalization, PATH_BASE);
	assert_null(c->lcores);
	assert_string_equal(c->hugepages, "auto");
	assert_int_equal(c->dataplane.idle, IDLE_ADAPTIVE);
	assert_int_equal(c->dataplane.memory, 512ull << 20);
	assert_int_equal(c->dataplane.max_connections, 100000);
	assert_int_equal(c->dataplane.max_downstream, 0);
	assert_int_equal(c->dataplane.fragments, FRAGMENTS_REASSEMBLE);
	assert_int_equal(c->dataplane.http.idle_timeout_us, 3600ull * 1000000);
	assert_int_equal(c->dataplane.http.header_timeout_us, 60 * 1000000);
	assert_int_equal(c->dataplane.http.stream_idle_timeout_us, 3600000000);
	assert_int_equal(c->dataplane.http.max_header_bytes, 60 * 1024);
	assert_int_equal(c->dataplane.http.max_headers, 100);
	assert_true(c->dataplane.http.accept_http10);
	assert_int_equal(c->dataplane.tcp.congestion, CONGESTION_CUBIC);
	assert_true(c->dataplane.tcp.ecn);
	assert_int_equal(c->dataplane.tcp.cookies, SYN_COOKIES_AUTO);
	assert_int_equal(c->dataplane.tcp.half_open, 4096);
	assert_int_equal(c->dataplane.tcp.time_waits, 16384);
	assert_int_equal(c->dataplane.tcp.time_wait_us, 60 * 1000000);
	assert_int_equal(c->dataplane.tcp.keepalive_us, 7200ull * 1000000);
	assert_int_equal(c->dataplane.tcp.zero_window_us, 900 * 1000000);
	assert_int_equal(c->dataplane.tcp.rcv_buf, 4 << 20);
	assert_int_equal(c->dataplane.tcp.snd_buf, 4 << 20);
	assert_true(c->dataplane.access_log);
	assert_false(c->registry_only);
	assert_false(c->compat_08);
	assert_string_equal(c->admin_listen, "127.0.0.1:15000");
	assert_string_equal(c->admin_socket, "/run/weir/admin.sock");
	assert_string_equal(c->log_path, "/dev/stdout");
	assert_int_equal(c->log_format, LOG_FORMAT_JSON);
	assert_int_equal(c->drain_timeout_us, 30 * 1000000);
	assert_int_equal(c->directories.n, 0);
	assert_int_equal(c->dataplane.n_ifaces, 0);
}

static void an_empty_file_is_all_defaults(void **state)
{
	static const char *const texts[] = {"", "# nothing\n", "---\n", "{}\n", "~\n"};
	struct loaded l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		load(&l, texts[i]);
		assert_int_equal(l.d.errors, 0);
		assert_int_equal(l.d.warnings, 2); /* no interface, no resources */
		check_defaults(&l.cfg);
		unload(&l);
	}
}

static void what_is_wrong_has_its_default(void **state)
{
	struct loaded l;

	(void)state;
	load(&l, "dataplane: {workers: 65, idle: lazy, memory: 1MiB, connections: 999}\n"
		 "http: {maxHeaders: 0, idleTimeout: 1, acceptHTTP10: \"yes\"}\n"
		 "tcp: {congestionControl: vegas, ecn: 1}\n"
		 "accessLog: {format: xml}\n");
	assert_int_equal(l.d.errors, 10);
	check_defaults(&l.cfg);
	unload(&l);
}

static void the_sample_is_the_defaults(void **state)
{
	struct loaded l;
	struct iface_config *iface;

	(void)state;
	load_path(&l, SOURCE_ROOT "/configs/weir.yaml");
	assert_int_equal(l.d.n, 0);
	assert_string_equal(l.cfg.name, "gw-1");
	assert_string_equal(labels_get(&l.cfg.labels, "istio"), "ingressgateway");
	assert_int_equal(l.cfg.dataplane.n_ifaces, 1);
	iface = &l.cfg.dataplane.ifaces[0];
	assert_string_equal(iface->name, "ext");
	assert_string_equal(iface->device, "net_af_xdp0,iface=veth0");
	assert_int_equal(iface->mtu, 1500);
	assert_int_equal(iface->n_routes, 2);
	assert_int_equal(iface->dad_transmits, 1);
	assert_false(iface->router_solicitation);
	assert_string_equal(l.cfg.directories.items[0], "/etc/weir/resources.d");
	/* The rest of it says what is the default anyway. */
	l.cfg.name = NULL;
	assert_int_equal(l.cfg.dataplane.http.idle_timeout_us, 3600ull * 1000000);
	assert_int_equal(l.cfg.dataplane.memory, 512ull << 20);
	unload(&l);
}

static void every_key(void **state)
{
	struct loaded l;
	struct iface_config *iface;
	char ip[IP_ADDR_STRLEN];

	(void)state;
	load(&l, "node: {name: n, namespace: x, locality: eu/a, labels: {b: \"1\", a: c}}\n"
		 "dataplane: {lcores: \"2-4,9\", idle: poll, memory: 1GiB, hugepages: off, "
		 "fragments: drop,\n"
		 "  eal: [--no-pci], connections: \"5000\"}\n"
		 "http: {idleTimeout: 0s, headerTimeout: 1m, streamIdleTimeout: 250ms,\n"
		 "  maxHeaderSize: 8KiB, maxHeaders: 20, acceptHTTP10: false}\n"
		 "overload: {maxDownstreamConnections: 3000}\n"
		 "tcp: {congestionControl: bbr, ecn: false,\n"
		 "  synCookies: always, halfOpen: 16, timeWaits: 9, timeWait: 1s, keepalive: 0s,\n"
		 "  zeroWindowTimeout: 0s, receiveBuffer: 64KiB, sendBuffer: 32KiB}\n"
		 "interfaces:\n"
		 "- name: int\n  device: 0000:01:00.0\n  mtu: 9000\n"
		 "  addresses: [198.18.1.1/24, 198.18.2.1/28]\n"
		 "  routes:\n  - {to: 198.18.9.77/20, via: 198.18.2.14}\n"
		 "- {name: ext, device: net_null0, punt: tap, puntRate: 500, echo: kernel}\n"
		 "- {name: ext5, device: net_null0, vlan: 5}\n"
		 "- {name: ext6, device: net_null0, vlan: 4094}\n"
		 "resources: [{directory: /a}, {directory: b}]\n"
		 "mesh: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}, compatibility: 0.8,\n"
		 "  pathNormalization: {normalization: MERGE_SLASHES}}\n"
		 "admin: {listen: \"[::1]:80\", socket: \"\"}\n"
		 "accessLog: {path: /log, format: none}\n"
		 "drain: {timeout: 0s}\n");
	if (l.d.n)
		diags_print(&l.d, stderr);
	assert_int_equal(l.d.n, 0);
	assert_string_equal(l.cfg.name, "n");
	assert_string_equal(l.cfg.ns, "x");
	assert_string_equal(l.cfg.locality, "eu/a");
	assert_string_equal(labels_get(&l.cfg.labels, "a"), "c");
	assert_string_equal(l.cfg.lcores, "2-4,9");
	assert_int_equal(l.cfg.workers, 4);
	assert_int_equal(l.cfg.dataplane.n_workers, 4);
	assert_int_equal(l.cfg.dataplane.idle, IDLE_POLL);
	assert_int_equal(l.cfg.dataplane.fragments, FRAGMENTS_DROP);
	assert_int_equal(l.cfg.dataplane.ifaces[0].punt, IFACE_PUNT_NONE);
	assert_int_equal(l.cfg.dataplane.ifaces[0].punt_rate, 10000);
	assert_false(l.cfg.dataplane.ifaces[0].kernel_echoes);
	assert_int_equal(l.cfg.dataplane.ifaces[1].punt, IFACE_PUNT_TAP);
	assert_int_equal(l.cfg.dataplane.ifaces[1].punt_rate, 500);
	assert_true(l.cfg.dataplane.ifaces[1].kernel_echoes);
	assert_int_equal(l.cfg.dataplane.ifaces[1].vlan, 0);
	assert_int_equal(l.cfg.dataplane.ifaces[2].vlan, 5);
	assert_int_equal(l.cfg.dataplane.ifaces[3].vlan, 4094);
	assert_int_equal(l.cfg.dataplane.memory, 1ull << 30);
	assert_string_equal(l.cfg.hugepages, "off");
	assert_string_equal(l.cfg.eal.items[0], "--no-pci");
	assert_int_equal(l.cfg.dataplane.max_connections, 5000);
	assert_int_equal(l.cfg.dataplane.max_downstream, 3000);
	assert_int_equal(l.cfg.dataplane.http.idle_timeout_us, 0);
	assert_int_equal(l.cfg.dataplane.http.header_timeout_us, 60000000);
	assert_int_equal(l.cfg.dataplane.http.stream_idle_timeout_us, 250000);
	assert_int_equal(l.cfg.dataplane.http.max_header_bytes, 8192);
	assert_int_equal(l.cfg.dataplane.http.max_headers, 20);
	assert_false(l.cfg.dataplane.http.accept_http10);
	assert_int_equal(l.cfg.dataplane.http.path_normalization, PATH_MERGE_SLASHES);
	assert_int_equal(l.cfg.dataplane.tcp.congestion, CONGESTION_BBR);
	assert_false(l.cfg.dataplane.tcp.ecn);
	assert_int_equal(l.cfg.dataplane.tcp.cookies, SYN_COOKIES_ALWAYS);
	assert_int_equal(l.cfg.dataplane.tcp.half_open, 16);
	assert_int_equal(l.cfg.dataplane.tcp.time_waits, 9);
	assert_int_equal(l.cfg.dataplane.tcp.time_wait_us, 1000000);
	assert_int_equal(l.cfg.dataplane.tcp.keepalive_us, 0);
	assert_int_equal(l.cfg.dataplane.tcp.zero_window_us, 0);
	assert_int_equal(l.cfg.dataplane.tcp.rcv_buf, 64 << 10);
	assert_int_equal(l.cfg.dataplane.tcp.snd_buf, 32 << 10);
	assert_int_equal(l.cfg.directories.n, 2);
	assert_true(l.cfg.registry_only);
	assert_true(l.cfg.compat_08);
	assert_string_equal(l.cfg.admin_listen, "[::1]:80");
	assert_string_equal(l.cfg.admin_socket, "");
	assert_string_equal(l.cfg.log_path, "/log");
	assert_false(l.cfg.dataplane.access_log);
	assert_int_equal(l.cfg.drain_timeout_us, 0);

	assert_int_equal(l.cfg.dataplane.n_ifaces, 4);
	iface = &l.cfg.dataplane.ifaces[0];
	assert_int_equal(iface->mtu, 9000);
	assert_int_equal(iface->n_addrs, 2);
	assert_int_equal(iface->addrs[1].len, 96 + 28);
	assert_string_equal(ip_addr_format(&iface->addrs[1].ip, ip), "198.18.2.1");
	/* A route's own host bits say nothing and are cleared. */
	assert_string_equal(ip_addr_format(&iface->routes[0].to.ip, ip), "198.18.0.0");
	assert_int_equal(iface->routes[0].to.len, 96 + 20);
	assert_string_equal(ip_addr_format(&iface->routes[0].via, ip), "198.18.2.14");
	assert_int_equal(l.cfg.dataplane.ifaces[1].mtu, 1500);
	unload(&l);
}

static void both_families_on_one_interface(void **state)
{
	const struct iface_config *ext, *in;
	char ip[IP_ADDR_STRLEN];
	struct loaded l;

	(void)state;
	load(&l, "interfaces:\n"
		 "- name: ext\n  device: net_null0\n"
		 "  addresses: [198.18.0.2/24, \"2001:2::2/64\", \"2001:2:0:1::1/127\", "
		 "\"fe80::1/64\"]\n"
		 "  routes:\n  - {to: \"::/0\", via: \"fe80::9\"}\n"
		 "  - {to: \"::/0\", via: \"2001:2::1\"}\n"
		 "  - {to: 0.0.0.0/0, via: 198.18.0.1}\n"
		 "  - {to: \"2001:db8:1:2:3::/65\", via: \"2001:2:0:1::\"}\n"
		 "  ndp: {dadTransmits: 0, routerSolicitation: true}\n"
		 "- {name: int, device: net_null1, mtu: 1280, addresses: [\"fe80::1/64\"]}\n"
		 "resources: [{directory: /a}]\n");
	diags_print(&l.d, stderr);
	assert_int_equal(l.d.n, 0);
	ext = &l.cfg.dataplane.ifaces[0];
	in = &l.cfg.dataplane.ifaces[1];
	assert_int_equal(ext->n_addrs, 4);
	assert_int_equal(ext->addrs[0].len, 96 + 24);
	assert_int_equal(ext->addrs[1].len, 64);
	assert_string_equal(ip_addr_format(&ext->addrs[2].ip, ip), "2001:2:0:1::1");
	assert_int_equal(ext->n_routes, 4);
	assert_int_equal(ext->routes[0].to.len, 0);
	assert_string_equal(ip_addr_format(&ext->routes[0].via, ip), "fe80::9");
	assert_string_equal(ip_addr_format(&ext->routes[3].to.ip, ip), "2001:db8:1:2::");
	assert_int_equal(ext->dad_transmits, 0);
	assert_true(ext->router_solicitation);
	assert_int_equal(in->n_addrs, 1);
	assert_int_equal(in->dad_transmits, 1);
	assert_false(in->router_solicitation);
	unload(&l);
}

static void bonds(void **state)
{
	struct iface_config *i;
	struct loaded l;

	(void)state;
	load(&l, "interfaces:\n"
		 "- {name: a, bond: {devices: [\"0000:03:00.0\", \"0000:03:00.1\"]}}\n"
		 "- {name: b, bond: {mode: balance, hash: layer23, linkInterval: 1s, "
		 "devices: [c, d, e]}}\n"
		 "- {name: b5, vlan: 5, bond: {mode: balance, hash: layer23, linkInterval: 1s, "
		 "devices: [c, d, e]}}\n"
		 "- {name: f, bond: {mode: 802.3ad, devices: [g, h]}}\n"
		 "resources: [{directory: /a}]\n");
	diags_print(&l.d, stderr);
	assert_int_equal(l.d.n, 0);
	i = l.cfg.dataplane.ifaces;
	assert_int_equal(i[0].bond.mode, BOND_ACTIVE_BACKUP);
	assert_int_equal(i[0].bond.link_interval_ms, 10);
	assert_int_equal(i[0].bond.n_members, 2);
	assert_string_equal(i[0].bond.members[1], "0000:03:00.1");
	assert_int_equal(i[1].bond.mode, BOND_BALANCE);
	assert_int_equal(i[1].bond.hash, BOND_LAYER23);
	assert_int_equal(i[1].bond.link_interval_ms, 1000);
	assert_int_equal(i[1].bond.n_members, 3);
	assert_string_equal(i[1].device, i[2].device);
	assert_string_not_equal(i[1].device, i[0].device);
	assert_int_equal(i[3].bond.mode, BOND_LACP);
	assert_int_equal(i[3].bond.hash, BOND_LAYER34);
	unload(&l);
}

#define IFACE(rest) "interfaces:\n- {name: a, device: b, " rest "}\n"
#define LABEL64     "a123456789a123456789a123456789a123456789a123456789a123456789abcd"

#define LABEL256   LABEL64 LABEL64 LABEL64 LABEL64
#define BOND(rest) "interfaces:\n- {name: a, bond: {" rest "}}\n"

static const struct {
	const char *name, *text;
	enum diag_code code;
	unsigned line;
	const char *field;
} problems[] = {
	{"unknown section", "adimn: {}\n", DIAG_UNKNOWN_FIELD, 1, "adimn"},
	{"unknown key", "dataplane:\n  wrokers: 1\n", DIAG_UNKNOWN_FIELD, 2, "dataplane.wrokers"},
	{"a key of the future", IFACE("mirror: tap0"), DIAG_UNKNOWN_FIELD, 2,
	 "interfaces[0].mirror"},
	{"a list", "- a\n", DIAG_WRONG_TYPE, 1, ""},
	{"a list for a section", "node: [a]\n", DIAG_WRONG_TYPE, 1, "node"},
	{"syntax", "node: {\n", DIAG_YAML_SYNTAX, 2, ""},
	{"key twice", "node: {}\nnode: {}\n", DIAG_YAML_DUPLICATE_KEY, 2, "node"},
	{"second document", "node: {}\n---\nnode: {}\n", DIAG_NODE_DOCUMENTS, 3, ""},
	{"no worker", "dataplane: {workers: 0}\n", DIAG_OUT_OF_RANGE, 1, "dataplane.workers"},
	{"65 workers", "dataplane: {workers: 65}\n", DIAG_OUT_OF_RANGE, 1, "dataplane.workers"},
	{"workers in words", "dataplane: {workers: many}\n", DIAG_WRONG_TYPE, 1,
	 "dataplane.workers"},
	{"workers and lcores", "dataplane:\n  workers: 1\n  lcores: \"1\"\n", DIAG_NODE_WORKERS, 3,
	 "dataplane.lcores"},
	{"lcores backwards", "dataplane: {lcores: 5-2}\n", DIAG_NODE_WORKERS, 1,
	 "dataplane.lcores"},
	{"lcores twice", "dataplane: {lcores: \"1,1-2\"}\n", DIAG_NODE_WORKERS, 1,
	 "dataplane.lcores"},
	{"lcores empty", "dataplane: {lcores: \"\"}\n", DIAG_NODE_WORKERS, 1, "dataplane.lcores"},
	{"lcores with a comma", "dataplane: {lcores: \"1,\"}\n", DIAG_NODE_WORKERS, 1,
	 "dataplane.lcores"},
	{"lcores too many", "dataplane: {lcores: 0-64}\n", DIAG_NODE_WORKERS, 1,
	 "dataplane.lcores"},
	{"lcore too high", "dataplane: {lcores: \"99999999999999999999\"}\n", DIAG_NODE_WORKERS, 1,
	 "dataplane.lcores"},
	{"size without sense", "dataplane: {memory: lots}\n", DIAG_NODE_SIZE, 1,
	 "dataplane.memory"},
	{"little memory", "dataplane: {memory: 63MiB}\n", DIAG_OUT_OF_RANGE, 1, "dataplane.memory"},
	{"few connections", "dataplane: {connections: 999}\n", DIAG_OUT_OF_RANGE, 1,
	 "dataplane.connections"},
	{"many connections", "dataplane: {connections: 100000001}\n", DIAG_OUT_OF_RANGE, 1,
	 "dataplane.connections"},
	{"fragments", "dataplane: {fragments: keep}\n", DIAG_UNKNOWN_VALUE, 1,
	 "dataplane.fragments"},
	{"idle", "dataplane: {idle: lazy}\n", DIAG_UNKNOWN_VALUE, 1, "dataplane.idle"},
	{"duration without unit", "drain: {timeout: 30}\n", DIAG_DURATION_SYNTAX, 1,
	 "drain.timeout"},
	{"short duration", "http: {idleTimeout: 1us}\n", DIAG_DURATION_SHORT, 1,
	 "http.idleTimeout"},
	{"header size", "http: {maxHeaderSize: 1023}\n", DIAG_OUT_OF_RANGE, 1,
	 "http.maxHeaderSize"},
	{"interface without name", "interfaces: [{device: b}]\n", DIAG_NODE_INTERFACE, 1,
	 "interfaces[0].name"},
	{"interface without device", "interfaces: [{name: b}]\n", DIAG_NODE_INTERFACE, 1,
	 "interfaces[0].device"},
	{"interface name", "interfaces: [{device: b, name: " LABEL64 "}]\n", DIAG_NODE_INTERFACE, 1,
	 "interfaces[0].name"},
	{"punt", "interfaces: [{name: a, device: b, punt: yes}]\n", DIAG_UNKNOWN_VALUE, 1,
	 "interfaces[0].punt"},
	{"punt rate", "interfaces: [{name: a, device: b, punt: tap, puntRate: 9}]\n",
	 DIAG_OUT_OF_RANGE, 1, "interfaces[0].puntRate"},
	{"echo without punt", "interfaces: [{name: a, device: b, echo: kernel}]\n",
	 DIAG_NODE_INTERFACE, 1, "interfaces[0]"},
	{"punt rate without punt", "interfaces: [{name: a, device: b, puntRate: 99}]\n",
	 DIAG_NODE_INTERFACE, 1, "interfaces[0]"},
	{"name of the TAP", "interfaces: [{name: elevenbytes, device: b, punt: tap}]\n",
	 DIAG_NODE_INTERFACE, 1, "interfaces[0]"},
	{"vlan 0", "interfaces: [{name: a, device: b, vlan: 0}]\n", DIAG_OUT_OF_RANGE, 1,
	 "interfaces[0].vlan"},
	{"vlan 4095", "interfaces: [{name: a, device: b, vlan: 4095}]\n", DIAG_OUT_OF_RANGE, 1,
	 "interfaces[0].vlan"},
	{"stacked tags", "interfaces: [{name: a, device: b, vlan: 5.6}]\n", DIAG_NODE_VLAN, 1,
	 "interfaces[0].vlan"},
	{"two tags", "interfaces: [{name: a, device: b, vlan: [5, 6]}]\n", DIAG_NODE_VLAN, 1,
	 "interfaces[0].vlan"},
	{"vlan twice",
	 "interfaces:\n- {name: a, device: b, vlan: 5}\n- {name: c, device: b, vlan: 5}\n",
	 DIAG_NODE_INTERFACE, 3, "interfaces[1]"},
	{"vlan with a larger mtu",
	 "interfaces:\n- {name: a, device: b}\n- {name: c, device: b, vlan: 5, mtu: 1600}\n",
	 DIAG_NODE_INTERFACE, 3, "interfaces[1]"},
	{"bond and device", IFACE("bond: {devices: [c, d]}"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond"},
	{"bond of one", BOND("devices: [c]"), DIAG_NODE_BOND, 2, "interfaces[0].bond.devices"},
	{"bond of none", BOND(""), DIAG_NODE_BOND, 2, "interfaces[0].bond.devices"},
	{"bond of nine", BOND("devices: [c, d, e, f, g, h, i, j, k]"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond.devices"},
	{"bond with a member twice", BOND("devices: [c, d, c]"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond.devices[2]"},
	{"bond with a kernel interface twice",
	 BOND("devices: [\"net_af_xdp,iface=v\", \"net_af_packet,iface=v\"]"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond.devices[1]"},
	{"bond with an empty member", BOND("devices: [c, \"\"]"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond.devices[1]"},
	{"bond with a long member", BOND("devices: [c, " LABEL256 "]"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond.devices[1]"},
	{"bond of bonds", BOND("devices: [c, net_bonding1]"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond.devices[1]"},
	{"bond as a device", "interfaces: [{name: a, device: \"net_bonding0,mode=1\"}]\n",
	 DIAG_NODE_BOND, 1, "interfaces[0]"},
	{"bond mode", BOND("devices: [c, d], mode: balance-rr"), DIAG_UNKNOWN_VALUE, 2,
	 "interfaces[0].bond.mode"},
	{"bond hash", BOND("devices: [c, d], mode: balance, hash: l34"), DIAG_UNKNOWN_VALUE, 2,
	 "interfaces[0].bond.hash"},
	{"bond hash without use", BOND("devices: [c, d], hash: layer2"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond"},
	{"bond interval", BOND("devices: [c, d], linkInterval: 2m"), DIAG_NODE_BOND, 2,
	 "interfaces[0].bond"},
	{"bond with another's device", BOND("devices: [c, d]") "- {name: e, device: d}\n",
	 DIAG_NODE_INTERFACE, 3, "interfaces[1]"},
	{"bond twice", BOND("devices: [c, d]") "- {name: e, bond: {devices: [c, d]}}\n",
	 DIAG_NODE_INTERFACE, 3, "interfaces[1]"},
	{"bond with a tag, not alike",
	 BOND("devices: [c, d]") "- {name: e, vlan: 5, bond: {devices: [d, c]}}\n",
	 DIAG_NODE_INTERFACE, 3, "interfaces[1]"},
	{"interface twice", IFACE("") "- {name: a, device: c}\n", DIAG_NODE_INTERFACE, 3,
	 "interfaces[1]"},
	{"device twice", IFACE("") "- {name: c, device: b}\n", DIAG_NODE_INTERFACE, 3,
	 "interfaces[1]"},
	{"kernel interface twice",
	 "interfaces:\n- {name: a, device: \"net_af_xdp,iface=veth0\"}\n"
	 "- {name: c, device: \"net_af_packet,qpairs=2,iface=veth0,blocksz=4096\"}\n",
	 DIAG_NODE_INTERFACE, 3, "interfaces[1]"},
	{"null interface", "interfaces: [~]\n", DIAG_NULL_ELEMENT, 1, "interfaces[0]"},
	{"mtu", IFACE("mtu: 500"), DIAG_OUT_OF_RANGE, 2, "interfaces[0].mtu"},
	{"address without prefix", IFACE("addresses: [10.0.0.1]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"address", IFACE("addresses: [10.0.0.1/24, 198.18.0.300/24]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[1]"},
	{"prefix length", IFACE("addresses: [10.0.0.1/33]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"address of the network", IFACE("addresses: [10.0.0.0/24]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"address of all hosts", IFACE("addresses: [10.0.0.3/30]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"multicast address", IFACE("addresses: [224.0.0.9/24]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"any address", IFACE("addresses: [0.0.0.0/0]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"address twice on an interface", IFACE("addresses: [10.0.0.1/24, 10.0.0.1/16]"),
	 DIAG_NODE_ADDRESS, 2, "interfaces[0].addresses[1]"},
	{"address twice",
	 IFACE("addresses: [10.0.0.1/24]") "- {name: c, device: d, addresses: [10.0.0.1/32]}\n",
	 DIAG_NODE_ADDRESS, 3, "interfaces[1].addresses[0]"},
	{"next hop is oneself",
	 IFACE("addresses: [10.0.0.1/24], routes: [{to: 0.0.0.0/0, via: 10.0.0.1}]"),
	 DIAG_NODE_ROUTE, 2, "interfaces[0].routes[0]"},
	{"IPv6 prefix length", IFACE("addresses: [\"2001:2::2/129\"]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"IPv6 multicast address", IFACE("addresses: [\"ff02::1/64\"]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"IPv6 loopback", IFACE("addresses: [\"::1/128\"]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"IPv6 any address", IFACE("addresses: [\"::/0\"]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"IPv6 address of the routers", IFACE("addresses: [\"2001:2::/64\"]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"link-local of a wide prefix", IFACE("addresses: [\"fe80::1/10\"]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"link-local with a subnet", IFACE("addresses: [\"fe80:1::1/64\"]"), DIAG_NODE_ADDRESS, 2,
	 "interfaces[0].addresses[0]"},
	{"IPv6 address twice",
	 IFACE("addresses: [\"2001:2::2/64\"]") "- {name: c, device: d, addresses: "
						"[\"2001:2:0::2/128\"]}\n",
	 DIAG_NODE_ADDRESS, 3, "interfaces[1].addresses[0]"},
	{"link-local twice on an interface", IFACE("addresses: [\"fe80::1/64\", \"fe80::1/64\"]"),
	 DIAG_NODE_ADDRESS, 2, "interfaces[0].addresses[1]"},
	{"mtu too small for IPv6", IFACE("mtu: 1279, addresses: [\"2001:2::2/64\"]"), DIAG_NODE_NDP,
	 2, "interfaces[0]"},
	{"ndp without IPv6", IFACE("addresses: [10.0.0.1/24], ndp: {routerSolicitation: true}"),
	 DIAG_NODE_NDP, 2, "interfaces[0]"},
	{"duplicate address detection without IPv6", IFACE("ndp: {dadTransmits: 1}"), DIAG_NODE_NDP,
	 2, "interfaces[0]"},
	{"too many questions", IFACE("addresses: [\"2001:2::2/64\"], ndp: {dadTransmits: 11}"),
	 DIAG_OUT_OF_RANGE, 2, "interfaces[0].ndp.dadTransmits"},
	{"link-local next hop without IPv6",
	 IFACE("addresses: [10.0.0.1/24], routes: [{to: \"::/0\", via: \"fe80::1\"}]"),
	 DIAG_NODE_ROUTE, 2, "interfaces[0].routes[0]"},
	{"IPv6 next hop off link",
	 IFACE("addresses: [\"2001:2::2/64\"], routes: [{to: \"::/0\", via: \"2001:3::1\"}]"),
	 DIAG_NODE_ROUTE, 2, "interfaces[0].routes[0]"},
	{"a route twice",
	 IFACE("addresses: [10.0.0.1/24], routes: [{to: 10.1.0.0/16, via: 10.0.0.2}, "
	       "{to: 10.1.2.3/16, via: 10.0.0.2}]"),
	 DIAG_NODE_ROUTE, 2, "interfaces[0].routes[1]"},
	{"route without to", IFACE("addresses: [10.0.0.1/24], routes: [{via: 10.0.0.2}]"),
	 DIAG_NODE_ADDRESS, 2, "interfaces[0].routes[0]"},
	{"route without via", IFACE("addresses: [10.0.0.1/24], routes: [{to: 0.0.0.0/0}]"),
	 DIAG_NODE_ADDRESS, 2, "interfaces[0].routes[0]"},
	{"next hop off link",
	 IFACE("addresses: [10.0.0.1/24], routes: [{to: 0.0.0.0/0, via: 10.0.1.1}]"),
	 DIAG_NODE_ROUTE, 2, "interfaces[0].routes[0]"},
	{"families mixed",
	 IFACE("addresses: [10.0.0.1/24], routes: [{to: \"::/0\", via: 10.0.0.2}]"),
	 DIAG_NODE_ROUTE, 2, "interfaces[0].routes[0]"},
	{"kubernetes", "resources:\n- kubernetes: {kubeconfig: /x}\n", DIAG_NODE_KUBERNETES, 2,
	 "resources[0]"},
	{"source without any", "resources: [{}]\n", DIAG_NODE_RESOURCES, 1, "resources[0]"},
	{"unknown source", "resources: [{dir: /x, directory: /y}]\n", DIAG_UNKNOWN_FIELD, 1,
	 "resources[0].dir"},
	{"no resources", "node: {}\n", DIAG_NODE_NO_RESOURCES, 0, "resources"},
	{"no interfaces", "node: {}\n", DIAG_NODE_NO_INTERFACES, 0, "interfaces"},
	{"capture", "capture: {includeIPRanges: [10.0.0.0/8]}\n", DIAG_NODE_CAPTURE, 1,
	 "capture.includeIPRanges"},
	{"capture range", "capture: {excludeIPRanges: [\"*\", 10.0.0.0/a]}\n", DIAG_ADDRESS_INVALID,
	 1, "capture.excludeIPRanges[1]"},
	{"capture port", "capture: {includePorts: [80, 0]}\n", DIAG_OUT_OF_RANGE, 1,
	 "capture.includePorts[1]"},
	{"mode", "mesh: {outboundTrafficPolicy: {mode: ALLOW}}\n", DIAG_UNKNOWN_VALUE, 1,
	 "mesh.outboundTrafficPolicy.mode"},
	{"paths", "mesh: {pathNormalization: {normalization: SOME}}\n", DIAG_UNKNOWN_VALUE, 1,
	 "mesh.pathNormalization.normalization"},
	{"era", "mesh: {compatibility: \"0.9\"}\n", DIAG_UNKNOWN_VALUE, 1, "mesh.compatibility"},
	{"listen without port", "admin: {listen: localhost}\n", DIAG_NODE_ADMIN, 1, "admin.listen"},
	{"listen on port 0", "admin: {listen: \"127.0.0.1:0\"}\n", DIAG_NODE_ADMIN, 1,
	 "admin.listen"},
	{"listen on bare IPv6", "admin: {listen: \"::1:80\"}\n", DIAG_NODE_ADMIN, 1,
	 "admin.listen"},
	{"log format", "accessLog: {format: xml}\n", DIAG_UNKNOWN_VALUE, 1, "accessLog.format"},
};

static void every_mistake_is_found(void **state)
{
	bool seen[DIAG_CODE_COUNT] = {false};
	struct loaded l;
	size_t i, k, failed = 0;

	(void)state;
	for (i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		const char *code = diag_rule(problems[i].code)->code;
		bool found = false;

		load(&l, problems[i].text);
		for (k = 0; k < l.d.n && !found; k++)
			found = strcmp(l.d.items[k].code, code) == 0 &&
				strcmp(l.d.items[k].field, problems[i].field) == 0 &&
				l.d.items[k].line == problems[i].line &&
				strcmp(l.d.items[k].file, l.file) == 0;
		if (!found || l.d.errors > 1) {
			print_error("%s: expected %s at line %u, field %s; got:\n",
				    problems[i].name, code, problems[i].line, problems[i].field);
			diags_print(&l.d, stderr);
			failed++;
		}
		seen[problems[i].code] = true;
		unload(&l);
	}
	for (i = 0; i < DIAG_CODE_COUNT; i++)
		if (strncmp(diag_rule((enum diag_code)i)->code, "WEIR08", 6) == 0 && !seen[i])
			fail_msg("no row raises %s", diag_rule((enum diag_code)i)->code);
	assert_int_equal(failed, 0);
}

static void a_missing_file_is_a_sentence(void **state)
{
	struct loaded l;

	(void)state;
	load_path(&l, "/nowhere/weir.yaml");
	assert_int_equal(l.d.n, 1);
	assert_string_equal(l.d.items[0].code, diag_rule(DIAG_FILE_UNREADABLE)->code);
	assert_string_equal(l.d.items[0].file, "/nowhere/weir.yaml");
	assert_non_null(strstr(l.d.items[0].message, "No such file"));
	check_defaults(&l.cfg);
	unload(&l);
	load_path(&l, "/tmp");
	assert_int_equal(l.d.errors, 1);
	unload(&l);
}

static void too_many_of_a_kind(void **state)
{
	struct loaded l;
	char *text = NULL;
	size_t size, i;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	fputs("interfaces:\n", f);
	for (i = 0; i < 17; i++)
		fprintf(f, "- {name: i%zu, device: d%zu}\n", i, i);
	fclose(f);
	load(&l, text);
	assert_int_equal(l.d.errors, 1);
	assert_int_equal(l.cfg.dataplane.n_ifaces, WEIR_PORTS_MAX);
	unload(&l);
	free(text);

	f = open_memstream(&text, &size);
	fputs("interfaces:\n- name: a\n  device: b\n  addresses:\n", f);
	for (i = 0; i < 17; i++)
		fprintf(f, "  - 10.%zu.0.1/16\n", i);
	fputs("  routes:\n", f);
	for (i = 0; i < 65; i++)
		fprintf(f, "  - {to: 11.%zu.0.0/16, via: 10.0.0.2}\n", i);
	fclose(f);
	load(&l, text);
	assert_int_equal(l.d.errors, 2);
	assert_int_equal(l.cfg.dataplane.ifaces[0].n_addrs, IFACE_ADDRS_MAX);
	assert_int_equal(l.cfg.dataplane.ifaces[0].n_routes, IFACE_ROUTES_MAX);
	unload(&l);
	free(text);
}

static void cut_at_every_byte(void **state)
{
	static const char text[] =
		"node: {name: n}\ninterfaces:\n- name: a\n  device: b\n  addresses: [10.0.0.1/24]\n"
		"  routes:\n  - {to: 0.0.0.0/0, via: 10.0.0.2}\ndrain: {timeout: 1m30s}\n";
	struct loaded l;
	size_t k;

	(void)state;
	for (k = 0; k < sizeof(text); k++) {
		load_bytes(&l, text, k);
		unload(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families_on_one_interface),
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(what_is_wrong_has_its_default),
		cmocka_unit_test(the_sample_is_the_defaults),
		cmocka_unit_test(every_key),
		cmocka_unit_test(bonds),
		cmocka_unit_test(every_mistake_is_found),
		cmocka_unit_test(a_missing_file_is_a_sentence),
		cmocka_unit_test(too_many_of_a_kind),
		cmocka_unit_test(cut_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
