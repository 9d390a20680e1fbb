/* fields_virtual_service.c - the tables of VirtualService (reference section 2).
 *
 * Messages that this version does not execute are written out too: their fields are known,
 * their types are checked, and their row in HTTPRoute says that they are refused. */
#include <model/schema.h>

#define PORT_RANGE   RANGE(1, 65535)
#define UINT32_RANGE RANGE(0, UINT32_MAX)
#define INT32_RANGE  RANGE(INT32_MIN, INT32_MAX)

/* ---- shared ---- */

static const struct field port_selector_fields[] = {
	{"number", FIELD_UINT32, AT(destination, port), PORT_RANGE},
	{"name", FIELD_STRING, AT(destination, port_name), .today = "write port.number"},
	{0},
};
static const struct message port_selector = {
	.name = "PortSelector", .fields = port_selector_fields, NO_POS, NO_LIST};

static const struct field destination_fields[] = {
	{"host", FIELD_STRING, AT(destination, host)},
	{"subset", FIELD_STRING, AT(destination, subset)},
	{"port", FIELD_INLINE, .message = &port_selector},
	{0},
};
static const struct message destination = KEPT("Destination", destination, destination_fields);

static const struct field percent_fields[] = {
	{"value", FIELD_NUMBER, AT(percent, value)},
	{0},
};
static const struct message percent = KEPT("Percent", percent, percent_fields);

static const struct field header_operations_fields[] = {
	{"set", FIELD_LABELS, AT(header_operations, set)},
	{"add", FIELD_LABELS, AT(header_operations, add)},
	{"remove", FIELD_STRINGS, AT(header_operations, remove)},
	{0},
};
static const struct message header_operations =
	KEPT("HeaderOperations", header_operations, header_operations_fields);

static const struct field headers_fields[] = {
	{"request", FIELD_MESSAGE, AT(header_manipulation, request), .message = &header_operations},
	{"response", FIELD_MESSAGE, AT(header_manipulation, response),
	 .message = &header_operations},
	{0},
};
static const struct message headers = KEPT("Headers", header_manipulation, headers_fields);

/* ---- http[].match[] ---- */

static const struct field match_fields[] = {
	{"name", FIELD_STRING, AT(http_match, name)},
	{"uri", FIELD_MATCH, AT(http_match, uri)},
	{"scheme", FIELD_MATCH, AT(http_match, scheme)},
	{"method", FIELD_MATCH, AT(http_match, method)},
	{"authority", FIELD_MATCH, AT(http_match, authority)},
	{"headers", FIELD_MATCHES, AT(http_match, headers), COUNT(http_match, n_headers)},
	{"withoutHeaders", FIELD_MATCHES, AT(http_match, without_headers),
	 COUNT(http_match, n_without_headers)},
	{"queryParams", FIELD_MATCHES, AT(http_match, query_params),
	 COUNT(http_match, n_query_params)},
	{"port", FIELD_UINT32, AT(http_match, port), RANGE(0, 65535)},
	{"sourceLabels", FIELD_LABELS, AT(http_match, source_labels)},
	{"sourceNamespace", FIELD_STRING, AT(http_match, source_namespace)},
	{"gateways", FIELD_STRINGS, AT(http_match, gateways)},
	{"ignoreUriCase", FIELD_BOOL, AT(http_match, ignore_uri_case)},
	{"statPrefix", FIELD_STRING, AT(http_match, stat_prefix)},
	{0},
};
static const struct message match = KEPT("HTTPMatchRequest", http_match, match_fields);

/* ---- http[].route[], http[].retries ---- */

static const struct field route_fields[] = {
	{"destination", FIELD_MESSAGE, AT(http_route_destination, destination),
	 .message = &destination},
	{"weight", FIELD_INT32, AT(http_route_destination, weight), INT32_RANGE},
	{"headers", FIELD_MESSAGE, AT(http_route_destination, headers), .message = &headers},
	{0},
};
static const struct message route =
	KEPT("HTTPRouteDestination", http_route_destination, route_fields);

static const struct field retry_fields[] = {
	{"attempts", FIELD_INT32, AT(http_retry, attempts), INT32_RANGE},
	{"perTryTimeout", FIELD_DURATION, FIELD_PRESENT, AT(http_retry, per_try_timeout_us),
	 COUNT(http_retry, has_per_try_timeout)},
	{"retryOn", FIELD_STRING, AT(http_retry, retry_on)},
	{"retryRemoteLocalities", FIELD_BOOL, FIELD_NO_EFFECT | FIELD_PRESENT, NOT_KEPT,
	 COUNT(http_retry, has_remote_localities)},
	{"retryIgnorePreviousHosts", FIELD_BOOL, FIELD_PRESENT,
	 AT(http_retry, ignore_previous_hosts), COUNT(http_retry, has_ignore_previous_hosts)},
	{"backoff", FIELD_DURATION, AT(http_retry, backoff_us)},
	{0},
};
static const struct message retry = KEPT("HTTPRetry", http_retry, retry_fields);

/* ---- http[]: what is done besides routing ---- */

static const struct enum_value derive_port_values[] = {
	{"FROM_PROTOCOL_DEFAULT", 0, DERIVE_PROTOCOL_DEFAULT, false},
	{"FROM_REQUEST_PORT", 1, DERIVE_REQUEST_PORT, false},
	{0},
};
static const struct field redirect_fields[] = {
	{"uri", FIELD_STRING, AT(http_redirect, uri)},
	{"prefixRewrite", FIELD_STRING, AT(http_redirect, prefix_rewrite)},
	{"authority", FIELD_STRING, AT(http_redirect, authority)},
	{"port", FIELD_UINT32, AT(http_redirect, port), PORT_RANGE},
	{"derivePort", FIELD_ENUM, FIELD_PRESENT, AT(http_redirect, derive_port),
	 COUNT(http_redirect, has_derive_port), .values = derive_port_values},
	{"scheme", FIELD_STRING, AT(http_redirect, scheme)},
	{"redirectCode", FIELD_UINT32, AT(http_redirect, code), UINT32_RANGE},
	{0},
};
static const char *const redirect_ports[] = {"port", "derivePort", NULL};
static const struct message redirect = {
	.name = "HTTPRedirect",
	.size = sizeof(struct http_redirect),
	.fields = redirect_fields,
	MESSAGE_POS(http_redirect),
	NO_LIST,
	.one_of = redirect_ports,
};

static const struct field body_fields[] = {
	{"string", FIELD_STRING, AT(http_body, string)},
	{"bytes", FIELD_STRING, AT(http_body, bytes)},
	{0},
};
static const char *const body_kinds[] = {"string", "bytes", NULL};
static const struct message body = {
	.name = "HTTPBody",
	.size = sizeof(struct http_body),
	.fields = body_fields,
	MESSAGE_POS(http_body),
	NO_LIST,
	.one_of = body_kinds,
};

static const struct field direct_response_fields[] = {
	{"status", FIELD_UINT32, AT(http_direct_response, status), UINT32_RANGE},
	{"body", FIELD_MESSAGE, AT(http_direct_response, body), .message = &body},
	{0},
};
static const struct message direct_response =
	KEPT("HTTPDirectResponse", http_direct_response, direct_response_fields);

static const struct field delegate_fields[] = {
	{"name", FIELD_STRING, AT(http_delegate, name)},
	{"namespace", FIELD_STRING, AT(http_delegate, ns)},
	{0},
};
static const struct message delegate = KEPT("Delegate", http_delegate, delegate_fields);

static const struct field regex_rewrite_fields[] = {
	{"match", FIELD_STRING, AT(regex_rewrite, match)},
	{"rewrite", FIELD_STRING, AT(regex_rewrite, rewrite)},
	{0},
};
static const struct message regex_rewrite =
	KEPT("RegexRewrite", regex_rewrite, regex_rewrite_fields);

static const struct field rewrite_fields[] = {
	{"uri", FIELD_STRING, AT(http_rewrite, uri)},
	{"authority", FIELD_STRING, AT(http_rewrite, authority)},
	{"uriRegexRewrite", FIELD_MESSAGE, AT(http_rewrite, regex), .message = &regex_rewrite},
	{0},
};
static const struct message rewrite = KEPT("HTTPRewrite", http_rewrite, rewrite_fields);

#define OLD_PERCENT "write percentage: {value: N}"

static const struct field delay_fields[] = {
	{"percent", FIELD_INT32, AT(fault_delay, percent), RANGE(0, 100), .today = OLD_PERCENT},
	{"percentage", FIELD_MESSAGE, AT(fault_delay, percentage), .message = &percent},
	{"fixedDelay", FIELD_DURATION, FIELD_PRESENT, AT(fault_delay, fixed_us),
	 COUNT(fault_delay, has_fixed)},
	{"exponentialDelay", FIELD_DURATION, FIELD_PRESENT, NOT_KEPT,
	 COUNT(fault_delay, has_exponential)},
	{0},
};
static const char *const delay_kinds[] = {"fixedDelay", "exponentialDelay", NULL};
static const struct message delay = {
	.name = "Delay",
	.size = sizeof(struct fault_delay),
	.fields = delay_fields,
	MESSAGE_POS(fault_delay),
	NO_LIST,
	.one_of = delay_kinds,
};

static const struct field abort_fields[] = {
	{"percent", FIELD_INT32, AT(fault_abort, percent), RANGE(0, 100), .today = OLD_PERCENT},
	{"percentage", FIELD_MESSAGE, AT(fault_abort, percentage), .message = &percent},
	{"httpStatus", FIELD_INT32, FIELD_PRESENT, AT(fault_abort, http_status),
	 COUNT(fault_abort, has_http_status), INT32_RANGE},
	{"grpcStatus", FIELD_STRING, AT(fault_abort, grpc_status)},
	{"http2Error", FIELD_STRING, AT(fault_abort, http2_error)},
	{0},
};
static const char *const abort_kinds[] = {"httpStatus", "grpcStatus", "http2Error", NULL};
static const struct message abort_fault = {
	.name = "Abort",
	.size = sizeof(struct fault_abort),
	.fields = abort_fields,
	MESSAGE_POS(fault_abort),
	NO_LIST,
	.one_of = abort_kinds,
};

static const struct field fault_fields[] = {
	{"delay", FIELD_MESSAGE, AT(http_fault, delay), .message = &delay},
	{"abort", FIELD_MESSAGE, AT(http_fault, abort), .message = &abort_fault},
	{0},
};
static const struct message fault = KEPT("HTTPFaultInjection", http_fault, fault_fields);

static const struct field mirror_fields[] = {
	{"destination", FIELD_MESSAGE, AT(http_mirror, destination), .message = &destination},
	{"percentage", FIELD_MESSAGE, AT(http_mirror, percentage), .message = &percent},
	{0},
};
static const struct message mirror = KEPT("HTTPMirrorPolicy", http_mirror, mirror_fields);

static void decode_origins(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct cors_policy *c = out;
	struct string_match *origins;
	uint32_t i;

	if (node->kind != YAML_SEQ) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a list, not %s",
			     yaml_describe(node));
		return;
	}
	origins = arena_array(dec->arena, node->n, sizeof(*origins));
	for (i = 0; i < node->n; i++) {
		size_t before = field_path_push_index(&dec->path, i);

		origins[i] = *decode_match(dec, node->items[i]);
		field_path_pop(&dec->path, before);
	}
	if (c) {
		c->allow_origins = origins;
		c->n_allow_origins = node->n;
	}
}

static const struct enum_value preflight_values[] = {
	{"UNSPECIFIED", 0, PREFLIGHT_FORWARD, false},
	{"FORWARD", 1, PREFLIGHT_FORWARD, false},
	{"IGNORE", 2, PREFLIGHT_IGNORE, false},
	{0},
};
static const struct field cors_fields[] = {
	{"allowOrigin", FIELD_STRINGS, AT(cors_policy, allow_origin),
	 .today = "write allowOrigins: [{exact: ORIGIN}]"},
	{"allowOrigins", FIELD_HOOK, NOT_KEPT, .decode = decode_origins},
	{"allowMethods", FIELD_STRINGS, AT(cors_policy, allow_methods)},
	{"allowHeaders", FIELD_STRINGS, AT(cors_policy, allow_headers)},
	{"exposeHeaders", FIELD_STRINGS, AT(cors_policy, expose_headers)},
	{"maxAge", FIELD_DURATION, FIELD_ZERO_OK | FIELD_PRESENT, AT(cors_policy, max_age_us),
	 COUNT(cors_policy, has_max_age)},
	{"allowCredentials", FIELD_BOOL, AT(cors_policy, allow_credentials)},
	{"unmatchedPreflights", FIELD_ENUM, AT(cors_policy, unmatched_preflights),
	 .values = preflight_values},
	{0},
};
static const struct message cors = KEPT("CorsPolicy", cors_policy, cors_fields);

/* ---- http[] ---- */

static const struct field rule_fields[] = {
	{"name", FIELD_STRING, AT(http_rule, name)},
	{"match", FIELD_LIST, AT(http_rule, match), COUNT(http_rule, n_match), .message = &match},
	{"route", FIELD_LIST, AT(http_rule, route), COUNT(http_rule, n_route), .message = &route},
	{"timeout", FIELD_DURATION, AT(http_rule, timeout_us)},
	{"retries", FIELD_MESSAGE, AT(http_rule, retries), .message = &retry},
	{"redirect", FIELD_MESSAGE, AT(http_rule, redirect), .message = &redirect},
	{"directResponse", FIELD_MESSAGE, AT(http_rule, direct_response),
	 .message = &direct_response},
	{"delegate", FIELD_MESSAGE, AT(http_rule, delegate), .message = &delegate},
	{"rewrite", FIELD_MESSAGE, AT(http_rule, rewrite), .message = &rewrite},
	{"fault", FIELD_MESSAGE, AT(http_rule, fault), .message = &fault},
	{"mirror", FIELD_MESSAGE, AT(http_rule, mirror), .message = &destination},
	{"mirrors", FIELD_LIST, AT(http_rule, mirrors), COUNT(http_rule, n_mirrors),
	 .message = &mirror},
	{"mirrorPercent", FIELD_UINT32, FIELD_PRESENT, AT(http_rule, mirror_percent),
	 COUNT(http_rule, has_mirror_percent), UINT32_RANGE,
	 .today = "write mirrorPercentage: {value: N}"},
	{"mirrorPercentage", FIELD_MESSAGE, AT(http_rule, mirror_percentage), .message = &percent},
	{"corsPolicy", FIELD_MESSAGE, AT(http_rule, cors), .message = &cors},
	{"headers", FIELD_MESSAGE, AT(http_rule, headers), .message = &headers},
	{"appendHeaders", FIELD_LABELS, AT(http_rule, append_headers),
	 .today = "write headers: {request: {add: …}}"},
	{"websocketUpgrade", FIELD_BOOL, NOT_KEPT,
	 .today = "WebSocket needs no switch today, leave it out"},
	{0},
};
static const struct message rule = {
	.name = "HTTPRoute",
	.size = sizeof(struct http_rule),
	.fields = rule_fields,
	MESSAGE_POS(http_rule),
	.unsupported = offsetof(struct http_rule, unsupported),
};

/* ---- tls[], which is only checked, and tcp[] ---- */

static const struct field l4_route_fields[] = {
	{"destination", FIELD_MESSAGE, AT(http_route_destination, destination),
	 .message = &destination},
	{"weight", FIELD_INT32, AT(http_route_destination, weight), INT32_RANGE},
	{0},
};
static const struct message l4_route =
	KEPT("RouteDestination", http_route_destination, l4_route_fields);

#define L4_MATCH_ROWS                                                                              \
	{"destinationSubnets", FIELD_STRINGS, AT(l4_match, destination_subnets)},                  \
		{"port", FIELD_UINT32, AT(l4_match, port), RANGE(0, 65535)},                       \
		{"sourceLabels", FIELD_LABELS, AT(l4_match, source_labels)},                       \
		{"gateways", FIELD_STRINGS, AT(l4_match, gateways)},                               \
	{                                                                                          \
		"sourceNamespace", FIELD_STRING, AT(l4_match, source_namespace)                    \
	}

static const struct field tls_match_fields[] = {
	{"sniHosts", FIELD_STRINGS, AT(l4_match, sni_hosts)},
	L4_MATCH_ROWS,
	{0},
};
static const struct message tls_match = KEPT("TLSMatchAttributes", l4_match, tls_match_fields);

#define L4_RULE_ROWS(match_message)                                                                \
	{"match", FIELD_LIST, AT(l4_rule, match), COUNT(l4_rule, n_match),                         \
	 .message = (match_message)},                                                              \
	{                                                                                          \
		"route", FIELD_LIST, AT(l4_rule, route), COUNT(l4_rule, n_route),                  \
			.message = &l4_route                                                       \
	}

static const struct field tls_fields[] = {
	L4_RULE_ROWS(&tls_match),
	{0},
};
static const struct message tls = KEPT("TLSRoute", l4_rule, tls_fields);

static const struct field tcp_match_fields[] = {
	L4_MATCH_ROWS,
	{"destinationSubnet", FIELD_STRING, AT(l4_match, destination_subnet),
	 .today = "write destinationSubnets: [CIDR]"},
	{"sourceSubnet", FIELD_STRING, AT(l4_match, source_subnet),
	 .today = "it is ignored, leave it out"},
	{0},
};
static const struct message tcp_match = KEPT("L4MatchAttributes", l4_match, tcp_match_fields);

static const struct field tcp_fields[] = {
	L4_RULE_ROWS(&tcp_match),
	{0},
};
static const struct message tcp = KEPT("TCPRoute", l4_rule, tcp_fields);

/* ---- the object ---- */

static const struct field virtual_service_fields[] = {
	{"hosts", FIELD_STRINGS, AT(virtual_service, hosts)},
	{"gateways", FIELD_STRINGS, AT(virtual_service, gateways)},
	{"http", FIELD_LIST, AT(virtual_service, http), COUNT(virtual_service, n_http),
	 .message = &rule},
	{"tls", FIELD_LIST, AT(virtual_service, tls), COUNT(virtual_service, n_tls),
	 .message = &tls},
	{"tcp", FIELD_LIST, AT(virtual_service, tcp), COUNT(virtual_service, n_tcp),
	 .message = &tcp},
	{"exportTo", FIELD_STRINGS, AT(virtual_service, export_to)},
	{0},
};
const struct message schema_virtual_service = {
	.name = "VirtualService",
	.size = sizeof(struct virtual_service),
	.fields = virtual_service_fields,
	NO_POS,
	NO_LIST,
};
