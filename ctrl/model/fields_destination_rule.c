/* fields_destination_rule.c - the tables of DestinationRule (reference section 3). */
#include <model/schema.h>

#define COUNT_RANGE  RANGE(0, INT32_MAX)
#define UINT32_RANGE RANGE(0, UINT32_MAX)

static void decode_status_codes(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct error_codes *set = &((struct traffic_policy *)out)->outlier.codes;
	int64_t code;
	uint32_t i;

	if (node->kind != YAML_SEQ) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a list, not %s",
			     yaml_describe(node));
		return;
	}
	for (i = 0; i < node->n; i++) {
		size_t before = field_path_push_index(&dec->path, i);

		if (decode_int(dec, node->items[i], 100, 599, &code)) {
			set->bits[code / 64] |= 1ull << (code % 64);
			set->n++;
		}
		field_path_pop(&dec->path, before);
	}
}

/* ---- connectionPool ---- */

static const struct field keepalive_fields[] = {
	{"probes", FIELD_UINT32, AT(traffic_policy, pool.keepalive_probes), RANGE(0, 127)},
	{"time", FIELD_DURATION, AT(traffic_policy, pool.keepalive_time_us)},
	{"interval", FIELD_DURATION, AT(traffic_policy, pool.keepalive_interval_us)},
	{0},
};
static const struct message keepalive = {
	.name = "TcpKeepalive", .fields = keepalive_fields, NO_POS, NO_LIST};

static const struct field tcp_pool_fields[] = {
	{"maxConnections", FIELD_INT32, AT(traffic_policy, pool.max_connections), COUNT_RANGE},
	{"connectTimeout", FIELD_DURATION, AT(traffic_policy, pool.connect_timeout_us)},
	{"tcpKeepalive", FIELD_INLINE, FIELD_PRESENT, COUNT(traffic_policy, pool.has_keepalive),
	 .message = &keepalive},
	{"maxConnectionDuration", FIELD_DURATION,
	 AT(traffic_policy, pool.max_connection_duration_us)},
	{"idleTimeout", FIELD_DURATION, FIELD_ZERO_OK | FIELD_PRESENT,
	 AT(traffic_policy, pool.tcp_idle_timeout_us), COUNT(traffic_policy, pool.has_tcp_idle)},
	{0},
};
static const struct message tcp_pool = {
	.name = "TCPSettings", .fields = tcp_pool_fields, NO_POS, NO_LIST};

static const struct field http2_keepalive_fields[] = {
	{"interval", FIELD_DURATION, AT(traffic_policy, pool.http2_keepalive_interval_us)},
	{"timeout", FIELD_DURATION, AT(traffic_policy, pool.http2_keepalive_timeout_us)},
	{0},
};
static const struct message http2_keepalive = {
	.name = "Http2KeepAlive", .fields = http2_keepalive_fields, NO_POS, NO_LIST};

static const struct enum_value h2_values[] = {
	{"DEFAULT", 0, MODEL_H2_DEFAULT, false},
	{"DO_NOT_UPGRADE", 1, MODEL_H2_DO_NOT_UPGRADE, false},
	{"UPGRADE", 2, MODEL_H2_UPGRADE, false},
	{0},
};
static const struct field http_pool_fields[] = {
	{"http1MaxPendingRequests", FIELD_INT32, AT(traffic_policy, pool.max_pending_requests),
	 COUNT_RANGE},
	{"http2MaxRequests", FIELD_INT32, AT(traffic_policy, pool.max_requests), COUNT_RANGE},
	{"maxRequestsPerConnection", FIELD_INT32,
	 AT(traffic_policy, pool.max_requests_per_connection), COUNT_RANGE},
	{"maxRetries", FIELD_INT32, AT(traffic_policy, pool.max_retries), COUNT_RANGE},
	{"idleTimeout", FIELD_DURATION, AT(traffic_policy, pool.http_idle_timeout_us)},
	{"h2UpgradePolicy", FIELD_ENUM, AT(traffic_policy, pool.h2_upgrade), .values = h2_values},
	{"useClientProtocol", FIELD_BOOL, AT(traffic_policy, pool.use_client_protocol)},
	{"maxConcurrentStreams", FIELD_INT32, AT(traffic_policy, pool.max_concurrent_streams),
	 COUNT_RANGE},
	{"http2KeepAlive", FIELD_INLINE, FIELD_PRESENT,
	 COUNT(traffic_policy, pool.has_http2_keepalive), .message = &http2_keepalive},
	{0},
};
static const struct message http_pool = {
	.name = "HTTPSettings", .fields = http_pool_fields, NO_POS, NO_LIST};

static const struct field connection_pool_fields[] = {
	{"tcp", FIELD_INLINE, FIELD_PRESENT, COUNT(traffic_policy, pool.has_tcp),
	 .message = &tcp_pool},
	{"http", FIELD_INLINE, FIELD_PRESENT, COUNT(traffic_policy, pool.has_http),
	 .message = &http_pool},
	{0},
};
static const struct message connection_pool = {
	.name = "ConnectionPoolSettings", .fields = connection_pool_fields, NO_POS, NO_LIST};

/* ---- outlierDetection ---- */

#define OLD_ERRORS "write consecutive5xxErrors"

/* The rows that the old http block had; the last ones of today's, too. */
#define OUTLIER_TIMES                                                                              \
	{"interval", FIELD_DURATION, AT(traffic_policy, outlier.interval_us)},                     \
		{"baseEjectionTime", FIELD_DURATION,                                               \
		 AT(traffic_policy, outlier.base_ejection_us)},                                    \
	{                                                                                          \
		"maxEjectionPercent", FIELD_INT32,                                                 \
			AT(traffic_policy, outlier.max_ejection_percent), RANGE(0, 100)            \
	}

static const struct field old_outlier_fields[] = {
	{"consecutiveErrors", FIELD_INT32, AT(traffic_policy, outlier.consecutive_old),
	 COUNT_RANGE},
	OUTLIER_TIMES,
	{0},
};
static const struct message old_outlier = {
	.name = "OutlierDetection.HTTP", .fields = old_outlier_fields, NO_POS, NO_LIST};

static const struct field outlier_fields[] = {
	{"consecutiveErrors", FIELD_INT32, AT(traffic_policy, outlier.consecutive_old), COUNT_RANGE,
	 .today = OLD_ERRORS},
	{"consecutive5xxErrors", FIELD_UINT32, FIELD_PRESENT,
	 AT(traffic_policy, outlier.consecutive_5xx), COUNT(traffic_policy, outlier.has_5xx),
	 UINT32_RANGE},
	{"consecutiveGatewayErrors", FIELD_UINT32, FIELD_PRESENT,
	 AT(traffic_policy, outlier.consecutive_gateway),
	 COUNT(traffic_policy, outlier.has_gateway), UINT32_RANGE},
	{"consecutiveLocalOriginFailures", FIELD_UINT32, FIELD_PRESENT,
	 AT(traffic_policy, outlier.consecutive_local), COUNT(traffic_policy, outlier.has_local),
	 UINT32_RANGE},
	{"splitExternalLocalOriginErrors", FIELD_BOOL, AT(traffic_policy, outlier.split_local)},
	OUTLIER_TIMES,
	{"minHealthPercent", FIELD_INT32, AT(traffic_policy, outlier.min_health_percent),
	 RANGE(0, 100)},
	{"outlierDetectionHttpErrorCodes", FIELD_HOOK, NOT_KEPT, .decode = decode_status_codes},
	{"http", FIELD_INLINE, .message = &old_outlier,
	 .today = "write its fields directly into outlierDetection, and consecutive5xxErrors for "
		  "consecutiveErrors"},
	{0},
};
static const struct message outlier = {
	.name = "OutlierDetection", .fields = outlier_fields, NO_POS, NO_LIST};

/* ---- tls, tunnel, proxyProtocol, retryBudget ---- */

static const struct enum_value tls_values[] = {
	{"DISABLE", 0, MODEL_TLS_DISABLE, false},
	{"SIMPLE", 1, MODEL_TLS_SIMPLE, false},
	{"MUTUAL", 2, MODEL_TLS_MUTUAL, false},
	{"ISTIO_MUTUAL", 3, MODEL_TLS_ISTIO_MUTUAL, false},
	{0},
};
static const struct field tls_fields[] = {
	{"mode", FIELD_ENUM, AT(traffic_policy, tls_mode), .values = tls_values},
	{"clientCertificate", FIELD_STRING, NOT_KEPT},
	{"privateKey", FIELD_STRING, NOT_KEPT},
	{"caCertificates", FIELD_STRING, NOT_KEPT},
	{"caCrl", FIELD_STRING, NOT_KEPT},
	{"credentialName", FIELD_STRING, NOT_KEPT},
	{"subjectAltNames", FIELD_STRINGS, NOT_KEPT},
	{"sni", FIELD_STRING, NOT_KEPT},
	{"insecureSkipVerify", FIELD_BOOL, NOT_KEPT},
	{0},
};
static const struct message tls = {
	.name = "ClientTLSSettings", .fields = tls_fields, NO_POS, NO_LIST};

static const struct field tunnel_fields[] = {
	{"protocol", FIELD_STRING, AT(traffic_policy, tunnel.protocol)},
	{"targetHost", FIELD_STRING, AT(traffic_policy, tunnel.target_host)},
	{"targetPort", FIELD_UINT32, AT(traffic_policy, tunnel.target_port), RANGE(1, 65535)},
	{0},
};
static const struct message tunnel = {
	.name = "TunnelSettings", .fields = tunnel_fields, NO_POS, NO_LIST};

static const struct enum_value proxy_values[] = {{"V1", 0, 1, false}, {"V2", 1, 2, false}, {0}};
static const struct field proxy_fields[] = {
	{"version", FIELD_ENUM, AT(traffic_policy, proxy_version), .values = proxy_values},
	{0},
};
static const struct message proxy_protocol = {
	.name = "ProxyProtocol", .fields = proxy_fields, NO_POS, NO_LIST};

static const struct field retry_budget_fields[] = {
	{"percent", FIELD_NUMBER, FIELD_PRESENT, AT(traffic_policy, retry_budget.percent),
	 COUNT(traffic_policy, retry_budget.has_percent)},
	{"minRetryConcurrency", FIELD_UINT32, AT(traffic_policy, retry_budget.min_concurrency),
	 UINT32_RANGE},
	{"budgetInterval", FIELD_DURATION, FIELD_NO_EFFECT, NOT_KEPT},
	{0},
};
static const struct message retry_budget = {
	.name = "RetryBudget", .fields = retry_budget_fields, NO_POS, NO_LIST};

/* ---- trafficPolicy ---- */

/* The rows that the policy of a host, a subset and a port have in common; the policy is
 * member p of struct s. */
#define POLICY_ROWS(s, p)                                                                          \
	{"loadBalancer",                                                                           \
	 FIELD_INLINE,                                                                             \
	 FIELD_PRESENT,                                                                            \
	 AT(s, p.lb),                                                                              \
	 COUNT(s, p.has_load_balancer),                                                            \
	 .message = &schema_load_balancer},                                                        \
		{"connectionPool",                                                                 \
		 FIELD_INLINE,                                                                     \
		 FIELD_PRESENT,                                                                    \
		 AT(s, p),                                                                         \
		 COUNT(s, p.has_connection_pool),                                                  \
		 .message = &connection_pool},                                                     \
		{"outlierDetection",                                                               \
		 FIELD_INLINE,                                                                     \
		 FIELD_PRESENT,                                                                    \
		 AT(s, p),                                                                         \
		 COUNT(s, p.has_outlier_detection),                                                \
		 .message = &outlier},                                                             \
	{                                                                                          \
		"tls", FIELD_INLINE, FIELD_PRESENT, AT(s, p), COUNT(s, p.has_tls), .message = &tls \
	}

static const struct field policy_port_fields[] = {
	{"number", FIELD_UINT32, AT(port_policy, port), RANGE(1, 65535)},
	{"name", FIELD_STRING, NOT_KEPT, .today = "write port.number"},
	{0},
};
static const struct message policy_port = {
	.name = "PortSelector", .fields = policy_port_fields, NO_POS, NO_LIST};

static const struct field port_policy_fields[] = {
	{"port", FIELD_INLINE, .message = &policy_port},
	POLICY_ROWS(port_policy, policy),
	{0},
};
static const struct message port_policy = {
	.name = "PortTrafficPolicy",
	.size = sizeof(struct port_policy),
	.fields = port_policy_fields,
	.pos = offsetof(struct port_policy, policy.pos),
	.unsupported = offsetof(struct port_policy, policy.unsupported),
};

/* A trafficPolicy as written: its port settings belong to the host or subset around it. */
struct written_policy {
	struct traffic_policy policy;
	uint32_t n_ports;
	struct port_policy *ports;
};

static const struct field written_policy_fields[] = {
	POLICY_ROWS(written_policy, policy),
	{"portLevelSettings", FIELD_LIST, AT(written_policy, ports), COUNT(written_policy, n_ports),
	 .message = &port_policy},
	{"tunnel", FIELD_INLINE, FIELD_PRESENT, AT(written_policy, policy),
	 COUNT(written_policy, policy.has_tunnel), .message = &tunnel},
	{"proxyProtocol", FIELD_INLINE, FIELD_PRESENT, AT(written_policy, policy),
	 COUNT(written_policy, policy.has_proxy_protocol), .message = &proxy_protocol},
	{"retryBudget", FIELD_INLINE, FIELD_PRESENT, AT(written_policy, policy),
	 COUNT(written_policy, policy.has_retry_budget), .message = &retry_budget},
	{0},
};
static const struct message written_policy = {
	.name = "TrafficPolicy",
	.size = sizeof(struct written_policy),
	.fields = written_policy_fields,
	.pos = offsetof(struct written_policy, policy.pos),
	.unsupported = offsetof(struct written_policy, policy.unsupported),
};

static struct traffic_policy *decode_policy(struct decoder *dec, const struct yaml_node *node,
					    struct port_policy **ports, uint32_t *n_ports)
{
	struct written_policy *written = arena_alloc(dec->arena, sizeof(*written));

	decode_message(dec, &written_policy, node, written);
	*ports = written->ports;
	*n_ports = written->n_ports;
	return &written->policy;
}

static void decode_subset_policy(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct subset *s = out;

	s->policy = decode_policy(dec, node, &s->ports, &s->n_ports);
}

static void decode_rule_policy(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct destination_rule *dr = out;

	dr->policy = decode_policy(dec, node, &dr->ports, &dr->n_ports);
}

/* ---- the object ---- */

static const struct field subset_fields[] = {
	{"name", FIELD_STRING, AT(subset, name)},
	{"labels", FIELD_LABELS, AT(subset, labels)},
	{"trafficPolicy", FIELD_HOOK, NOT_KEPT, .decode = decode_subset_policy},
	{0},
};
static const struct message subset = KEPT("Subset", subset, subset_fields);

static const struct field selector_fields[] = {
	{"matchLabels", FIELD_LABELS, AT(destination_rule, workload_selector)},
	{0},
};
static const struct message selector = {
	.name = "WorkloadSelector", .fields = selector_fields, NO_POS, NO_LIST};

static void decode_host(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct destination_rule *dr = out;

	dr->host_pos = decode_pos(dec, node);
	decode_string(dec, node, &dr->host);
}

static const struct field destination_rule_fields[] = {
	{"host", FIELD_HOOK, NOT_KEPT, .decode = decode_host},
	{"trafficPolicy", FIELD_HOOK, NOT_KEPT, .decode = decode_rule_policy},
	{"subsets", FIELD_LIST, AT(destination_rule, subsets), COUNT(destination_rule, n_subsets),
	 .message = &subset},
	{"exportTo", FIELD_STRINGS, AT(destination_rule, export_to)},
	{"workloadSelector", FIELD_INLINE, FIELD_PRESENT,
	 COUNT(destination_rule, has_workload_selector), .message = &selector},
	{0},
};
const struct message schema_destination_rule = {
	.name = "DestinationRule",
	.size = sizeof(struct destination_rule),
	.fields = destination_rule_fields,
	NO_POS,
	NO_LIST,
};
