/* node_fields.c - the table of the node configuration: names, types, ranges, defaults.
 *
 * What the file leaves out, or has wrong, is as `initial` says. */
#include <config/node_fields.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weir/addr.h>

#define MIB (1024 * 1024ll)

/* A member of the configuration itself, of what is written, and of one interface. */
#define CFG(m)     AT(written_node, cfg.m)
#define WRITTEN(m) AT(written_node, m)

/* ---- node ---- */

static const struct field node_fields[] = {
	{"name", FIELD_STRING, CFG(name)},
	{"namespace", FIELD_STRING, CFG(ns), .initial = "istio-system"},
	{"labels", FIELD_LABELS, CFG(labels)},
	{"locality", FIELD_STRING, CFG(locality)},
	{0},
};
static const struct message node = {.name = "node", .fields = node_fields, NO_POS, NO_LIST};

/* ---- dataplane ---- */

static const struct enum_value idle_values[] = {
	{"adaptive", 0, IDLE_ADAPTIVE, false},
	{"poll", 0, IDLE_POLL, false},
	{0},
};
static const struct enum_value hugepages_values[] = {
	{"auto", 0, HUGEPAGES_AUTO, false},
	{"on", 0, HUGEPAGES_ON, false},
	{"off", 0, HUGEPAGES_OFF, false},
	{0},
};

static const struct enum_value fragments_values[] = {
	{"reassemble", 0, FRAGMENTS_REASSEMBLE, false},
	{"drop", 0, FRAGMENTS_DROP, false},
	{0},
};

static void decode_lcores(struct decoder *dec, const struct yaml_node *yaml, void *out)
{
	struct written_node *w = out;

	/* "3" may well be written without quotes. */
	if (yaml->kind != YAML_SCALAR) {
		decode_string(dec, yaml, &w->cfg.lcores);
		return;
	}
	w->cfg.lcores = arena_strdup(dec->arena, yaml->text);
	w->lcores_pos = decode_pos(dec, yaml);
}

static const struct field dataplane_fields[] = {
	{"workers", FIELD_UINT32, FIELD_PRESENT, WRITTEN(workers), COUNT(written_node, has_workers),
	 RANGE(1, WEIR_WORKERS_MAX), .initial = "1"},
	{"lcores", FIELD_HOOK, NOT_KEPT, .decode = decode_lcores},
	{"idle", FIELD_ENUM, FIELD_NAMES_ONLY, CFG(dataplane.idle), .values = idle_values,
	 .initial = "adaptive"},
	{"memory", FIELD_SIZE, CFG(dataplane.memory), RANGE(64 * MIB, 1024 * 1024 * MIB),
	 .initial = "512MiB"},
	{"hugepages", FIELD_ENUM, FIELD_NAMES_ONLY, WRITTEN(hugepages), .values = hugepages_values,
	 .initial = "auto"},
	{"eal", FIELD_STRINGS, CFG(eal)},
	{"connections", FIELD_UINT32, CFG(dataplane.max_connections), RANGE(1000, 100000000),
	 .initial = "100000"},
	{"fragments", FIELD_ENUM, FIELD_NAMES_ONLY, CFG(dataplane.fragments),
	 .values = fragments_values, .initial = "reassemble"},
	{0},
};
static const struct message dataplane = {
	.name = "dataplane", .fields = dataplane_fields, NO_POS, NO_LIST};

/* ---- http ---- */

static const struct field http_fields[] = {
	{"idleTimeout", FIELD_DURATION, FIELD_ZERO_OK, CFG(dataplane.http.idle_timeout_us),
	 .initial = "1h"},
	{"headerTimeout", FIELD_DURATION, FIELD_ZERO_OK, CFG(dataplane.http.header_timeout_us),
	 .initial = "60s"},
	{"streamIdleTimeout", FIELD_DURATION, FIELD_ZERO_OK,
	 CFG(dataplane.http.stream_idle_timeout_us), .initial = "1h"},
	{"maxHeaderSize", FIELD_SIZE, WRITTEN(max_header_bytes), RANGE(1024, MIB),
	 .initial = "60KiB"},
	{"maxHeaders", FIELD_UINT16, CFG(dataplane.http.max_headers), RANGE(1, 128),
	 .initial = "100"},
	{"acceptHTTP10", FIELD_BOOL, CFG(dataplane.http.accept_http10), .initial = "true"},
	{0},
};
static const struct message http = {.name = "http", .fields = http_fields, NO_POS, NO_LIST};

/* ---- overload ---- */

static const struct field overload_fields[] = {
	{"maxDownstreamConnections", FIELD_UINT32, CFG(dataplane.max_downstream),
	 RANGE(0, 100000000), .initial = "0"},
	{0},
};
static const struct message overload = {
	.name = "overload", .fields = overload_fields, NO_POS, NO_LIST};

/* ---- tcp ---- */

static const struct enum_value congestion_values[] = {
#define X(id, name) {#name, 0, CONGESTION_##id, false},
	CONGESTION_LIST(X)
#undef X
		{0},
};
static const struct enum_value cookies_values[] = {
	{"auto", 0, SYN_COOKIES_AUTO, false},
	{"never", 0, SYN_COOKIES_NEVER, false},
	{"always", 0, SYN_COOKIES_ALWAYS, false},
	{0},
};
static const struct field tcp_fields[] = {
	{"congestionControl", FIELD_ENUM, FIELD_NAMES_ONLY, CFG(dataplane.tcp.congestion),
	 .values = congestion_values, .initial = "cubic"},
	{"ecn", FIELD_BOOL, CFG(dataplane.tcp.ecn), .initial = "true"},
	{"synCookies", FIELD_ENUM, FIELD_NAMES_ONLY, CFG(dataplane.tcp.cookies),
	 .values = cookies_values, .initial = "auto"},
	{"halfOpen", FIELD_UINT32, CFG(dataplane.tcp.half_open), RANGE(16, 1000000),
	 .initial = "4096"},
	{"timeWaits", FIELD_UINT32, CFG(dataplane.tcp.time_waits), RANGE(1, 10000000),
	 .initial = "16384"},
	{"timeWait", FIELD_DURATION, CFG(dataplane.tcp.time_wait_us), .initial = "60s"},
	{"keepalive", FIELD_DURATION, FIELD_ZERO_OK, CFG(dataplane.tcp.keepalive_us),
	 .initial = "2h"},
	{"zeroWindowTimeout", FIELD_DURATION, FIELD_ZERO_OK, CFG(dataplane.tcp.zero_window_us),
	 .initial = "15m"},
	{"receiveBuffer", FIELD_SIZE, CFG(dataplane.tcp.rcv_buf), RANGE(16384, 64 * MIB),
	 .initial = "4MiB"},
	{"sendBuffer", FIELD_SIZE, CFG(dataplane.tcp.snd_buf), RANGE(16384, 64 * MIB),
	 .initial = "4MiB"},
	{0},
};
static const struct message tcp = {.name = "tcp", .fields = tcp_fields, NO_POS, NO_LIST};

/* ---- interfaces ---- */

static const struct field route_fields[] = {
	{"to", FIELD_STRING, AT(written_route, to)},
	{"via", FIELD_STRING, AT(written_route, via)},
	{0},
};
static const struct message route = KEPT("routes", written_route, route_fields);

static const struct enum_value punt_values[] = {
	{"none", 0, IFACE_PUNT_NONE, false},
	{"tap", 0, IFACE_PUNT_TAP, false},
	{0},
};
static const struct enum_value echo_values[] = {
	{"weir", 0, false, false},
	{"kernel", 0, true, false},
	{0},
};

/* 0 and 4095 are reserved (IEEE 802.1Q table 9-2). */
static void decode_vlan(struct decoder *dec, const struct yaml_node *yaml, void *out)
{
	struct written_interface *w = out;
	int64_t vlan;

	if (yaml->kind == YAML_SEQ || (yaml->kind == YAML_SCALAR && strchr(yaml->text, '.')))
		decode_error(dec, DIAG_NODE_VLAN, yaml,
			     "stacked tags (QinQ, 802.1ad) are not supported: an interface has one "
			     "802.1Q tag; let the switch take the outer one off");
	else if (decode_int(dec, yaml, 1, 4094, &vlan))
		w->vlan = (uint16_t)vlan;
}

static const struct field ndp_fields[] = {
	{"dadTransmits", FIELD_UINT16, FIELD_PRESENT, AT(written_interface, dad_transmits),
	 COUNT(written_interface, has_dad_transmits), RANGE(0, 10), .initial = "1"},
	{"routerSolicitation", FIELD_BOOL, AT(written_interface, router_solicitation),
	 .initial = "false"},
	{0},
};
static const struct message ndp = {.name = "ndp", .fields = ndp_fields, NO_POS, NO_LIST};

static const struct enum_value bond_mode_values[] = {
	{"active-backup", 0, BOND_ACTIVE_BACKUP, false},
	{"balance", 0, BOND_BALANCE, false},
	{"802.3ad", 0, BOND_LACP, false},
	{0},
};
static const struct enum_value bond_hash_values[] = {
	{"layer2", 0, BOND_LAYER2, false},
	{"layer23", 0, BOND_LAYER23, false},
	{"layer34", 0, BOND_LAYER34, false},
	{0},
};
static const struct field bond_fields[] = {
	{"mode", FIELD_ENUM, FIELD_NAMES_ONLY, AT(written_bond, mode), .values = bond_mode_values,
	 .initial = "active-backup"},
	{"devices", FIELD_STRINGS, AT(written_bond, devices)},
	{"hash", FIELD_ENUM, FIELD_NAMES_ONLY | FIELD_PRESENT, AT(written_bond, hash),
	 COUNT(written_bond, has_hash), .values = bond_hash_values, .initial = "layer34"},
	{"linkInterval", FIELD_DURATION, AT(written_bond, link_interval_us), .initial = "10ms"},
	{0},
};
static const struct message bond = KEPT("bond", written_bond, bond_fields);

static const struct field interface_fields[] = {
	{"name", FIELD_STRING, AT(written_interface, name)},
	{"device", FIELD_STRING, AT(written_interface, device)},
	{"bond", FIELD_INLINE, FIELD_PRESENT, AT(written_interface, bond),
	 COUNT(written_interface, has_bond), .message = &bond},
	{"mtu", FIELD_UINT16, AT(written_interface, mtu), RANGE(576, 9600), .initial = "1500"},
	{"vlan", FIELD_HOOK, NOT_KEPT, .decode = decode_vlan},
	{"punt", FIELD_ENUM, FIELD_NAMES_ONLY, AT(written_interface, punt), .values = punt_values,
	 .initial = "none"},
	{"puntRate", FIELD_UINT32, FIELD_PRESENT, AT(written_interface, punt_rate),
	 COUNT(written_interface, has_punt_rate), RANGE(10, 1000000), .initial = "10000"},
	{"echo", FIELD_ENUM, FIELD_NAMES_ONLY, AT(written_interface, echo), .values = echo_values,
	 .initial = "weir"},
	{"addresses", FIELD_STRINGS, AT(written_interface, addresses)},
	{"routes", FIELD_LIST, AT(written_interface, routes), COUNT(written_interface, n_routes),
	 .message = &route},
	{"ndp", FIELD_INLINE, .message = &ndp},
	{0},
};
static const struct message interface = KEPT("interfaces", written_interface, interface_fields);

/* ---- resources ---- */

static const struct field kubernetes_fields[] = {
	{"kubeconfig", FIELD_STRING, AT(written_source, kubeconfig)},
	{0},
};
static const struct message kubernetes = {
	.name = "kubernetes", .fields = kubernetes_fields, NO_POS, NO_LIST};

static const struct field source_fields[] = {
	{"directory", FIELD_STRING, AT(written_source, directory)},
	{"kubernetes", FIELD_INLINE, FIELD_PRESENT, COUNT(written_source, is_kubernetes),
	 .message = &kubernetes},
	{0},
};
static const struct message source = KEPT("resources", written_source, source_fields);

/* ---- capture: checked; a list that is not empty is what this version cannot do ---- */

static bool is_range(const char *text)
{
	char ip[IP_ADDR_STRLEN] = {0};
	const char *slash = strchr(text, '/');
	struct ip_addr addr;
	char *end;
	long bits, most;

	if (strcmp(text, "*") == 0)
		return true;
	if (!slash)
		return ip_addr_parse(text, &addr);
	if ((size_t)(slash - text) >= sizeof(ip) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(ip, text, (size_t)(slash - text));
	most = strchr(ip, ':') ? 128 : 32;
	bits = strtol(slash + 1, &end, 10);
	return !*end && bits <= most && ip_addr_parse(ip, &addr);
}

static void warn_capture(struct decoder *dec, const struct yaml_node *yaml)
{
	if (yaml->kind == YAML_SEQ && yaml->n)
		decode_error(dec, DIAG_NODE_CAPTURE, yaml,
			     "not supported by this version: the list has no effect");
}

static void check_ranges(struct decoder *dec, const struct yaml_node *yaml, void *out)
{
	struct string_list list = {0};
	uint32_t i;

	(void)out;
	decode_strings(dec, yaml, &list);
	for (i = 0; i < list.n; i++) {
		size_t before = field_path_push_index(&dec->path, i);

		if (!is_range(list.items[i]))
			decode_error(dec, DIAG_ADDRESS_INVALID, yaml->items[i],
				     "\"%s\" is neither an IP address nor a CIDR block",
				     list.items[i]);
		field_path_pop(&dec->path, before);
	}
	warn_capture(dec, yaml);
}

static void check_ports(struct decoder *dec, const struct yaml_node *yaml, void *out)
{
	int64_t port;
	uint32_t i;

	(void)out;
	if (yaml->kind != YAML_SEQ)
		decode_error(dec, DIAG_WRONG_TYPE, yaml, "must be a list, not %s",
			     yaml_describe(yaml));
	for (i = 0; yaml->kind == YAML_SEQ && i < yaml->n; i++) {
		size_t before = field_path_push_index(&dec->path, i);

		decode_int(dec, yaml->items[i], 1, 65535, &port);
		field_path_pop(&dec->path, before);
	}
	warn_capture(dec, yaml);
}

static const struct field capture_fields[] = {
	{"includeIPRanges", FIELD_HOOK, NOT_KEPT, .decode = check_ranges},
	{"excludeIPRanges", FIELD_HOOK, NOT_KEPT, .decode = check_ranges},
	{"includePorts", FIELD_HOOK, NOT_KEPT, .decode = check_ports},
	{"excludePorts", FIELD_HOOK, NOT_KEPT, .decode = check_ports},
	{0},
};
static const struct message capture = CHECKED("capture", capture_fields);

/* ---- mesh, admin, accessLog, drain ---- */

static const struct enum_value policy_values[] = {
	{"ALLOW_ANY", 1, false, false},
	{"REGISTRY_ONLY", 0, true, false},
	{0},
};
static const struct field policy_fields[] = {
	{"mode", FIELD_ENUM, WRITTEN(registry_only), .values = policy_values,
	 .initial = "ALLOW_ANY"},
	{0},
};
static const struct message policy = {
	.name = "outboundTrafficPolicy", .fields = policy_fields, NO_POS, NO_LIST};

static const struct enum_value era_values[] = {
	{"current", 0, false, false},
	{"0.8", 0, true, false},
	{0},
};
static const struct enum_value normalization_values[] = {
	{"DEFAULT", 0, PATH_BASE, false},
	{"NONE", 1, PATH_NONE, false},
	{"BASE", 2, PATH_BASE, false},
	{"MERGE_SLASHES", 3, PATH_MERGE_SLASHES, false},
	{"DECODE_AND_MERGE_SLASHES", 4, PATH_DECODE_AND_MERGE_SLASHES, false},
	{0},
};
static const struct field normalization_fields[] = {
	{"normalization", FIELD_ENUM, CFG(dataplane.http.path_normalization),
	 .values = normalization_values, .initial = "BASE"},
	{0},
};
static const struct message normalization = {
	.name = "pathNormalization", .fields = normalization_fields, NO_POS, NO_LIST};

static const struct field mesh_fields[] = {
	{"outboundTrafficPolicy", FIELD_INLINE, .message = &policy},
	{"pathNormalization", FIELD_INLINE, .message = &normalization},
	{"compatibility", FIELD_ENUM, FIELD_NAMES_ONLY, WRITTEN(compat_08), .values = era_values,
	 .initial = "current"},
	{0},
};
static const struct message mesh = {.name = "mesh", .fields = mesh_fields, NO_POS, NO_LIST};

static void decode_listen(struct decoder *dec, const struct yaml_node *yaml, void *out)
{
	struct written_node *w = out;

	w->listen_pos = decode_pos(dec, yaml);
	decode_string(dec, yaml, &w->cfg.admin_listen);
}

static const struct field admin_fields[] = {
	{"listen", FIELD_HOOK, NOT_KEPT, .decode = decode_listen},
	{"socket", FIELD_STRING, CFG(admin_socket), .initial = "/run/weir/admin.sock"},
	{0},
};
static const struct message admin = {.name = "admin", .fields = admin_fields, NO_POS, NO_LIST};

static const struct enum_value format_values[] = {
	{"json", 0, LOG_FORMAT_JSON, false},
	{"text", 0, LOG_FORMAT_TEXT, false},
	{"none", 0, LOG_FORMAT_NONE, false},
	{0},
};
static const struct field access_log_fields[] = {
	{"path", FIELD_STRING, CFG(log_path), .initial = "/dev/stdout"},
	{"format", FIELD_ENUM, FIELD_NAMES_ONLY, CFG(log_format), .values = format_values,
	 .initial = "json"},
	{0},
};
static const struct message access_log = {
	.name = "accessLog", .fields = access_log_fields, NO_POS, NO_LIST};

static const struct field drain_fields[] = {
	{"timeout", FIELD_DURATION, FIELD_ZERO_OK, CFG(drain_timeout_us), .initial = "30s"},
	{0},
};
static const struct message drain = {.name = "drain", .fields = drain_fields, NO_POS, NO_LIST};

/* ---- the file ---- */

static const struct field file_fields[] = {
	{"node", FIELD_INLINE, .message = &node},
	{"dataplane", FIELD_INLINE, .message = &dataplane},
	{"http", FIELD_INLINE, .message = &http},
	{"overload", FIELD_INLINE, .message = &overload},
	{"tcp", FIELD_INLINE, .message = &tcp},
	{"interfaces", FIELD_LIST, WRITTEN(interfaces), COUNT(written_node, n_interfaces),
	 .message = &interface},
	{"resources", FIELD_LIST, WRITTEN(sources), COUNT(written_node, n_sources),
	 .message = &source},
	{"capture", FIELD_MESSAGE, NOT_KEPT, .message = &capture},
	{"mesh", FIELD_INLINE, .message = &mesh},
	{"admin", FIELD_INLINE, .message = &admin},
	{"accessLog", FIELD_INLINE, .message = &access_log},
	{"drain", FIELD_INLINE, .message = &drain},
	{0},
};
const struct message node_schema = {
	.name = "The node configuration",
	.size = sizeof(struct written_node),
	.fields = file_fields,
	NO_POS,
	NO_LIST,
};
