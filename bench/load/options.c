/* options.c - see options.h. One row an option: it decodes, bounds and documents it. */
#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

enum kind { FLAG, TEXT, COUNT, REAL, BOOL_WORD, ADDRESS, PREFIX, ENDPOINT, MAC };

struct row {
	const char *name, *value, *help;
	enum kind kind;
	size_t offset;
	double min, max;
};

#define AT(field) offsetof(struct options, field)

static const struct row rows[] = {
	{"device", "DEV",
	 "a DPDK device: net_ring, net_memif,..., net_af_xdp,iface=..., a PCI "
	 "address, or net_memif-loop for a pair within the process",
	 TEXT, AT(device), 0, 0},
	{"lcore", "N", "the CPU to run on", COUNT, AT(lcore), 0, 1023},
	{"memory", "MIB", "memory for packets (128)", COUNT, AT(memory_mib), 48, 65536},
	{"hugepages", "on|off", "use huge pages (off)", BOOL_WORD, AT(hugepages), 0, 0},
	{"mtu", "BYTES", "of the link (1500)", COUNT, AT(mtu), 576, 2034},
	{"mac", "ADDRESS", "own Ethernet address (the device's)", MAC, AT(mac), 0, 0},
	{"window", "KIB", "receive window (512)", COUNT, AT(window_kib), 4, 65536},
	{"no-timestamps", NULL, "do not offer TCP timestamps", FLAG, AT(no_timestamps), 0, 0},
	{"json", "FILE", "where the result goes (standard output)", TEXT, AT(json), 0, 0},

	{"target", "IP:PORT", "be a client: where requests go", ENDPOINT, AT(target), 0, 0},
	{"clients", "IP/LEN", "first client address, and the link's prefix length", PREFIX,
	 AT(clients), 0, 0},
	{"client-addresses", "N", "consecutive client addresses (1)", COUNT, AT(client_addresses),
	 1, 65535},
	{"gateway", "IP", "next hop to a target that is not on the link", ADDRESS, AT(gateway), 0,
	 0},
	{"host", "NAME", "Host field (the target's address)", TEXT, AT(host), 0, 0},
	{"connections", "N", "connections (64)", COUNT, AT(connections), 1, 4000000},
	{"pipeline", "D", "requests in flight on each (1)", COUNT, AT(pipeline), 1, 128},
	{"close", NULL, "a new connection for every request", FLAG, AT(close), 0, 0},
	{"rate", "R", "open loop: requests/s in all, on time whatever happens", REAL, AT(rate), 0,
	 1e8},
	{"ramp", "R", "open at most R connections/s", REAL, AT(ramp), 0, 1e8},
	{"path", "PATH", "of the requests (/bytes/64); %n counts", TEXT, AT(path), 0, 0},
	{"path-count", "N", "%n is 0 to N-1 in turn (1)", COUNT, AT(path_count), 1, 100000000},
	{"expect-bytes", "N", "length of the right body (that in /bytes/N)", COUNT,
	 AT(expect_bytes), 0, 4294967294.0},
	{"expect-status", "S", "right status (200)", COUNT, AT(expect_status), 200, 599},
	{"allow-errors", NULL, "other statuses are counted, not wrong", FLAG, AT(allow_errors), 0,
	 0},
	{"upload", "N", "POST N bytes instead of GET", COUNT, AT(upload), 1, 268435456},
	{"duration", "S", "seconds that are measured (10)", REAL, AT(duration), 0.01, 86400},
	{"warmup", "S", "seconds before that (1)", REAL, AT(warmup), 0, 3600},
	{"latency-window", "MS", "latency is also told by spans of so long (20)", COUNT,
	 AT(latency_window_ms), 1, 60000},
	{"idle-hold", NULL, "one request on each connection, hold it, one more", FLAG,
	 AT(idle_hold), 0, 0},
	{"syn-flood", "R", "SYNs/s from random ports of the clients", REAL, AT(flood_rate), 1, 1e8},
	{"flood-count", "N", "how many SYNs (100000)", COUNT, AT(flood_count), 1, 1000000000},

	{"backend", "IP:PORT", "be a backend: own address and port", ENDPOINT, AT(backend_ip), 0,
	 0},
	{"backend-addresses", "N", "consecutive backend addresses (1)", COUNT,
	 AT(backend_addresses), 1, 65535},
	{"backend-latency", "US", "answer that much later (0)", COUNT, AT(backend_latency_us), 0,
	 60000000},
	{"backend-prompt", "N", "as many of the addresses answer at once all the same (0)", COUNT,
	 AT(backend_prompt), 0, 65535},
	{"backend-connections", "N", "at most (131072)", COUNT, AT(backend_connections), 1,
	 4000000},

	{"loss", "PERMILLE", NULL, COUNT, AT(loss), 0, 500},
	{"backend-corrupt", "K", NULL, COUNT, AT(backend_corrupt), 1, 4294967295.0},
	{"print-pattern", "N", "print the first N bytes of the body pattern, and exit", COUNT,
	 AT(print_pattern), 1, 268435456},
	{"help", NULL, "print this, and exit", FLAG, SIZE_MAX, 0, 0},
};

static const char help_head[] =
	"usage: weir-load --device DEV [--target IP:PORT --clients IP/LEN ...] "
	"[--backend IP:PORT ...]\n"
	"HTTP/1.1 client and backend in one DPDK process on one core.\n\n";

static const char help_tail[] =
	"\nA backend answers GET .../bytes/N with N bytes of the pattern, every K-th answer to\n"
	"/bytes/N?errors=K being a 503, and POST with 2 bytes when the body was the pattern.\n"
	"Without a client it runs until SIGTERM or for --duration.\n"
	"\nDevices: weir            device: net_memif,role=server,id=0,socket=/run/x.sock,"
	"socket-abstract=no\n"
	"         weir-load     --device net_memif,role=client,id=0,socket=/run/x.sock,"
	"socket-abstract=no\n";

static void print_help(FILE *out)
{
	fputs(help_head, out);
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		char left[40];

		if (!rows[i].help)
			continue;
		snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			 rows[i].value ? rows[i].value : "");
		fprintf(out, "  %-26s %s\n", left, rows[i].help);
	}
	fputs(help_tail, out);
}

static enum options_verdict bad(FILE *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static enum options_verdict bad(FILE *err, const char *fmt, ...)
{
	va_list ap;

	fputs("weir-load: ", err);
	va_start(ap, fmt);
	vfprintf(err, fmt, ap);
	va_end(ap);
	fputs(" (--help lists the options)\n", err);
	return OPTIONS_BAD;
}

/* ---- values ---- */

static bool read_number(const char *s, const struct row *r, double *out)
{
	char *end;

	*out = strtod(s, &end);
	return end != s && !*end && *out >= r->min && *out <= r->max &&
	       (r->kind == REAL || *out == (double)(uint64_t)*out);
}

static bool read_address(const char *s, size_t n, uint32_t *out)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr a;

	if (n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

/* "A.B.C.D/LEN" and "A.B.C.D:PORT": the number goes behind the address. */
static bool read_pair(const char *s, char separator, double max, uint32_t *out)
{
	const char *sep = strchr(s, separator);
	const struct row number = {.kind = COUNT, .min = 1, .max = max};
	double v;

	if (!sep || !read_address(s, (size_t)(sep - s), &out[0]) ||
	    !read_number(sep + 1, &number, &v))
		return false;
	out[1] = (uint32_t)v;
	return true;
}

static_assert(offsetof(struct options, clients_len) == offsetof(struct options, clients) + 4,
	      "read_pair");
static_assert(offsetof(struct options, target_port) == offsetof(struct options, target) + 4,
	      "read_pair");
static_assert(offsetof(struct options, backend_port) == offsetof(struct options, backend_ip) + 4,
	      "read_pair");

static bool read_value(const struct row *r, const char *s, void *out)
{
	double v;

	switch (r->kind) {
	case FLAG:
		*(bool *)out = true;
		return true;
	case TEXT:
		*(const char **)out = s;
		return *s != '\0';
	case COUNT:
		if (!read_number(s, r, &v))
			return false;
		*(uint32_t *)out = (uint32_t)v;
		return true;
	case REAL:
		return read_number(s, r, out);
	case BOOL_WORD:
		*(bool *)out = strcmp(s, "on") == 0;
		return *(bool *)out || strcmp(s, "off") == 0;
	case ADDRESS:
		return read_address(s, strlen(s), out);
	case PREFIX:
		return read_pair(s, '/', 30, out);
	case ENDPOINT:
		return read_pair(s, ':', 65535, out);
	case MAC:
		return rte_ether_unformat_addr(s, out) == 0;
	}
	return false;
}

static enum options_verdict bad_value(const struct row *r, const char *s, FILE *err)
{
	if (r->kind == COUNT || r->kind == REAL)
		return bad(err, "--%s %s: must be a number from %.10g to %.10g", r->name, s, r->min,
			   r->max);
	return bad(err, "--%s %s: must be %s", r->name, s, r->value);
}

/* ---- what belongs together ---- */

static bool read_path_bytes(struct options *o)
{
	static const char bytes[] = "/bytes/";
	const char *at = strstr(o->path, bytes);
	char *end;

	if (!at)
		return false;
	at += sizeof(bytes) - 1;
	if (strncmp(at, "%n", 2) == 0) {
		o->path_bytes = true;
		return true;
	}
	o->expect_bytes = (uint32_t)strtoul(at, &end, 10);
	return end != at;
}

static enum options_verdict check_client(struct options *o, FILE *err)
{
	uint32_t mask = o->clients_len ? UINT32_MAX << (32 - o->clients_len) : 0;

	if (!o->clients)
		return bad(err, "--target needs --clients IP/LEN");
	if (((o->target ^ o->clients) & mask) == 0 && !o->gateway)
		o->gateway = o->target;
	if (!o->gateway)
		return bad(err, "--target is not on the link of --clients: --gateway IP is needed");
	if (!o->path)
		o->path = "/bytes/64";
	if (o->path[0] != '/' || strpbrk(o->path, " \t\r\n") || strlen(o->path) > 1024)
		return bad(err, "--path %s: must begin with / and have no blanks", o->path);
	if (o->idle_hold && (o->close || o->rate > 0 || o->pipeline > 1))
		return bad(err, "--idle-hold goes with none of --close, --rate, --pipeline");
	if (o->close && o->pipeline > 1)
		return bad(err, "--pipeline needs connections that stay, and --close ends them");
	if (o->upload && !o->has_expect_bytes)
		o->expect_bytes = 2;
	else if (!o->has_expect_bytes && !read_path_bytes(o))
		return bad(err, "--path has no /bytes/N: --expect-bytes N is needed");
	return OPTIONS_RUN;
}

static enum options_verdict check(struct options *o, FILE *err)
{
	if (o->print_pattern)
		return OPTIONS_RUN;
	if (!o->device)
		return bad(err, "--device is needed");
	o->client = o->target != 0;
	o->backend = o->backend_ip != 0;
	if (!o->client && !o->backend)
		return bad(err, "--target, --backend or both are needed");
	if (!o->client && (o->clients || o->connections || o->path || o->flood_rate > 0))
		return bad(err, "a client needs --target IP:PORT");
	return o->client ? check_client(o, err) : OPTIONS_RUN;
}

static void set_defaults(struct options *o)
{
	*o = (struct options){.lcore = -1,
			      .memory_mib = 128,
			      .mtu = 1500,
			      .window_kib = 512,
			      .client_addresses = 1,
			      .pipeline = 1,
			      .path_count = 1,
			      .expect_status = 200,
			      .warmup = 1,
			      .latency_window_ms = 20,
			      .flood_count = 100000,
			      .backend_addresses = 1,
			      .backend_connections = 131072};
}

/* Defaults that depend on what was given. */
static void fill_defaults(struct options *o)
{
	if (o->client && !o->connections && o->flood_rate == 0)
		o->connections = 64;
	if (o->client && o->duration == 0)
		o->duration = 10;
	if (o->client && o->backend && o->backend_connections < 2 * o->connections)
		o->backend_connections = 2 * o->connections;
}

enum options_verdict options_parse(struct options *o, int argc, char **argv, FILE *out, FILE *err)
{
	struct option longs[RTE_DIM(rows) + 1] = {0};
	enum options_verdict verdict;
	int c;

	set_defaults(o);
	for (size_t i = 0; i < RTE_DIM(rows); i++)
		longs[i] = (struct option){rows[i].name, rows[i].kind != FLAG, NULL, (int)i + 256};
	optind = 0; /* glibc: start over */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		const struct row *r = &rows[c >= 256 ? c - 256 : 0];

		if (c == ':')
			return bad(err, "%s needs a value", argv[optind - 1]);
		if (c < 256)
			return bad(err, "%s: no such option", argv[optind - 1]);
		if (r->offset == SIZE_MAX) {
			print_help(out);
			return OPTIONS_DONE;
		}
		if (!read_value(r, optarg, (char *)o + r->offset))
			return bad_value(r, optarg, err);
		o->has_expect_bytes |= r->offset == AT(expect_bytes);
		o->has_mac |= r->offset == AT(mac);
	}
	if (optind < argc)
		return bad(err, "%s: unexpected", argv[optind]);
	verdict = check(o, err);
	fill_defaults(o);
	return verdict;
}
