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
	{"value", FIELD_NUMBER, NOT_KEPT},
	{0},
};
static const struct message percent = CHECKED("Percent", percent_fields);

static const struct field header_operations_fields[] = {
	{"set", FIELD_LABELS, NOT_KEPT},
	{"add", FIELD_LABELS, NOT_KEPT},
	{"remove", FIELD_STRINGS, NOT_KEPT},
	{0},
};
static const struct message header_operations =
	CHECKED("HeaderOperations", header_operations_fields);

static const struct field headers_fields[] = {
	{"request", FIELD_MESSAGE, NOT_KEPT, .message = &header_operations},
	{"response", FIELD_MESSAGE, NOT_KEPT, .message = &header_operations},
	{0},
};
static const struct message headers = CHECKED("Headers", headers_fields);

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
	{"queryParams", FIELD_MATCHES, FIELD_REFUSED, AT(http_match, query_params),
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
	{"headers", FIELD_MESSAGE, FIELD_REFUSED | FIELD_PRESENT, NOT_KEPT,
	 COUNT(http_route_destination, has_headers), .message = &headers},
	{0},
};
static const struct message route =
	KEPT("HTTPRouteDestination", http_route_destination, route_fields);

static const struct field retry_fields[] = {
	{"attempts", FIELD_INT32, AT(http_retry, attempts), INT32_RANGE},
	{"perTryTimeout", FIELD_DURATION, FIELD_NO_EFFECT | FIELD_PRESENT,
	 AT(http_retry, per_try_timeout_us), COUNT(http_retry, has_per_try_timeout)},
	{"retryOn", FIELD_STRING, AT(http_retry, retry_on)},
	{"retryRemoteLocalities", FIELD_BOOL, FIELD_NO_EFFECT | FIELD_PRESENT, NOT_KEPT,
	 COUNT(http_retry, has_remote_localities)},
	{"retryIgnorePreviousHosts", FIELD_BOOL, FIELD_NO_EFFECT, NOT_KEPT},
	{"backoff", FIELD_DURATION, AT(http_retry, backoff_us)},
	{0},
};
static const struct message retry = KEPT("HTTPRetry", http_retry, retry_fields);

/* ---- actions that are not executed ---- */

static const struct enum_value derive_port_values[] = {
	{"FROM_PROTOCOL_DEFAULT", 0, 0, false},
	{"FROM_REQUEST_PORT", 1, 1, false},
	{0},
};
static const struct field redirect_fields[] = {
	{"uri", FIELD_STRING, NOT_KEPT},
	{"prefixRewrite", FIELD_STRING, NOT_KEPT},
	{"authority", FIELD_STRING, NOT_KEPT},
	{"port", FIELD_UINT32, NOT_KEPT, PORT_RANGE},
	{"derivePort", FIELD_ENUM, NOT_KEPT, .values = derive_port_values},
	{"scheme", FIELD_STRING, NOT_KEPT},
	{"redirectCode", FIELD_UINT32, NOT_KEPT, UINT32_RANGE},
	{0},
};
static const struct message redirect = CHECKED("HTTPRedirect", redirect_fields);

static const struct field body_fields[] = {
	{"string", FIELD_STRING, NOT_KEPT},
	{"bytes", FIELD_STRING, NOT_KEPT},
	{0},
};
static const struct message body = CHECKED("HTTPBody", body_fields);

static const struct field direct_response_fields[] = {
	{"status", FIELD_UINT32, NOT_KEPT, UINT32_RANGE},
	{"body", FIELD_MESSAGE, NOT_KEPT, .message = &body},
	{0},
};
static const struct message direct_response = CHECKED("HTTPDirectResponse", direct_response_fields);

static const struct field delegate_fields[] = {
	{"name", FIELD_STRING, NOT_KEPT},
	{"namespace", FIELD_STRING, NOT_KEPT},
	{0},
};
static const struct message delegate = CHECKED("Delegate", delegate_fields);

static const struct field regex_rewrite_fields[] = {
	{"match", FIELD_STRING, NOT_KEPT},
	{"rewrite", FIELD_STRING, NOT_KEPT},
	{0},
};
static const struct message regex_rewrite = CHECKED("RegexRewrite", regex_rewrite_fields);

static const struct field rewrite_fields[] = {
	{"uri", FIELD_STRING, NOT_KEPT},
	{"authority", FIELD_STRING, NOT_KEPT},
	{"uriRegexRewrite", FIELD_MESSAGE, NOT_KEPT, .message = &regex_rewrite},
	{0},
};
static const struct message rewrite = CHECKED("HTTPRewrite", rewrite_fields);

#define OLD_PERCENT "write percentage: {value: N}"

static const struct field delay_fields[] = {
	{"percent", FIELD_INT32, NOT_KEPT, RANGE(0, 100), .today = OLD_PERCENT},
	{"percentage", FIELD_MESSAGE, NOT_KEPT, .message = &percent},
	{"fixedDelay", FIELD_DURATION, NOT_KEPT},
	{"exponentialDelay", FIELD_DURATION, NOT_KEPT},
	{0},
};
static const char *const delay_kinds[] = {"fixedDelay", "exponentialDelay", NULL};
static const struct message delay = {
	.name = "Delay", .fields = delay_fields, NO_POS, NO_LIST, .one_of = delay_kinds};

static const struct field abort_fields[] = {
	{"percent", FIELD_INT32, NOT_KEPT, RANGE(0, 100), .today = OLD_PERCENT},
	{"percentage", FIELD_MESSAGE, NOT_KEPT, .message = &percent},
	{"httpStatus", FIELD_INT32, NOT_KEPT, INT32_RANGE},
	{"grpcStatus", FIELD_STRING, NOT_KEPT},
	{"http2Error", FIELD_STRING, NOT_KEPT},
	{0},
};
static const char *const abort_kinds[] = {"httpStatus", "grpcStatus", "http2Error", NULL};
static const struct message abort_fault = {
	.name = "Abort", .fields = abort_fields, NO_POS, NO_LIST, .one_of = abort_kinds};

static const struct field fault_fields[] = {
	{"delay", FIELD_MESSAGE, NOT_KEPT, .message = &delay},
	{"abort", FIELD_MESSAGE, NOT_KEPT, .message = &abort_fault},
	{0},
};
static const struct message fault = CHECKED("HTTPFaultInjection", fault_fields);

static const struct field mirror_fields[] = {
	{"destination", FIELD_MESSAGE, NOT_KEPT, .message = &destination},
	{"percentage", FIELD_MESSAGE, NOT_KEPT, .message = &percent},
	{0},
};
static const struct message mirror = CHECKED("HTTPMirrorPolicy", mirror_fields);

static void check_origins(struct decoder *dec, const struct yaml_node *node, void *out)
{
	uint32_t i;

	(void)out;
	if (node->kind != YAML_SEQ) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a list, not %s",
			     yaml_describe(node));
		return;
	}
	for (i = 0; i < node->n; i++) {
		size_t before = field_path_push_index(&dec->path, i);

		decode_match(dec, node->items[i]);
		field_path_pop(&dec->path, before);
	}
}

static const struct enum_value preflight_values[] = {
	{"UNSPECIFIED", 0, 0, false},
	{"FORWARD", 1, 1, false},
	{"IGNORE", 2, 2, false},
	{0},
};
static const struct field cors_fields[] = {
	{"allowOrigin", FIELD_STRINGS, NOT_KEPT, .today = "write allowOrigins: [{exact: ORIGIN}]"},
	{"allowOrigins", FIELD_HOOK, NOT_KEPT, .decode = check_origins},
	{"allowMethods", FIELD_STRINGS, NOT_KEPT},
	{"allowHeaders", FIELD_STRINGS, NOT_KEPT},
	{"exposeHeaders", FIELD_STRINGS, NOT_KEPT},
	{"maxAge", FIELD_DURATION, FIELD_ZERO_OK, NOT_KEPT},
	{"allowCredentials", FIELD_BOOL, NOT_KEPT},
	{"unmatchedPreflights", FIELD_ENUM, NOT_KEPT, .values = preflight_values},
	{0},
};
static const struct message cors = CHECKED("CorsPolicy", cors_fields);

/* ---- http[] ---- */

static const struct field rule_fields[] = {
	{"name", FIELD_STRING, AT(http_rule, name)},
	{"match", FIELD_LIST, AT(http_rule, match), COUNT(http_rule, n_match), .message = &match},
	{"route", FIELD_LIST, AT(http_rule, route), COUNT(http_rule, n_route), .message = &route},
	{"timeout", FIELD_DURATION, AT(http_rule, timeout_us)},
	{"retries", FIELD_MESSAGE, AT(http_rule, retries), .message = &retry},
	{"redirect", FIELD_MESSAGE, FIELD_REFUSED, NOT_KEPT, .message = &redirect},
	{"directResponse", FIELD_MESSAGE, FIELD_REFUSED, NOT_KEPT, .message = &direct_response},
	{"delegate", FIELD_MESSAGE, FIELD_REFUSED, NOT_KEPT, .message = &delegate},
	{"rewrite", FIELD_MESSAGE, FIELD_REFUSED, NOT_KEPT, .message = &rewrite},
	{"fault", FIELD_MESSAGE, FIELD_REFUSED, NOT_KEPT, .message = &fault},
	{"mirror", FIELD_MESSAGE, FIELD_REFUSED, NOT_KEPT, .message = &destination},
	{"mirrors", FIELD_LIST, FIELD_REFUSED, NOT_KEPT, .message = &mirror},
	{"mirrorPercent", FIELD_UINT32, FIELD_NO_EFFECT, NOT_KEPT, RANGE(0, 100),
	 .today = "write mirrorPercentage: {value: N}"},
	{"mirrorPercentage", FIELD_MESSAGE, FIELD_NO_EFFECT, NOT_KEPT, .message = &percent},
	{"corsPolicy", FIELD_MESSAGE, FIELD_REFUSED, NOT_KEPT, .message = &cors},
	{"headers", FIELD_MESSAGE, FIELD_REFUSED, NOT_KEPT, .message = &headers},
	{"appendHeaders", FIELD_LABELS, FIELD_REFUSED, NOT_KEPT,
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

/* ---- tls[], tcp[]: known, not executed ---- */

static const struct field l4_route_fields[] = {
	{"destination", FIELD_MESSAGE, NOT_KEPT, .message = &destination},
	{"weight", FIELD_INT32, NOT_KEPT, INT32_RANGE},
	{0},
};
static const struct message l4_route = CHECKED("RouteDestination", l4_route_fields);

#define L4_MATCH_ROWS                                                                              \
	{"destinationSubnets", FIELD_STRINGS, NOT_KEPT},                                           \
		{"port", FIELD_UINT32, NOT_KEPT, RANGE(0, 65535)},                                 \
		{"sourceLabels", FIELD_LABELS, NOT_KEPT}, {"gateways", FIELD_STRINGS, NOT_KEPT},   \
	{                                                                                          \
		"sourceNamespace", FIELD_STRING, NOT_KEPT                                          \
	}

static const struct field tls_match_fields[] = {
	{"sniHosts", FIELD_STRINGS, NOT_KEPT},
	L4_MATCH_ROWS,
	{0},
};
static const struct message tls_match = CHECKED("TLSMatchAttributes", tls_match_fields);

static const struct field tls_fields[] = {
	{"match", FIELD_LIST, NOT_KEPT, .message = &tls_match},
	{"route", FIELD_LIST, NOT_KEPT, .message = &l4_route},
	{0},
};
static const struct message tls = CHECKED("TLSRoute", tls_fields);

static const struct field tcp_match_fields[] = {
	L4_MATCH_ROWS,
	{"destinationSubnet", FIELD_STRING, NOT_KEPT, .today = "write destinationSubnets: [CIDR]"},
	{"sourceSubnet", FIELD_STRING, NOT_KEPT, .today = "it is ignored, leave it out"},
	{0},
};
static const struct message tcp_match = CHECKED("L4MatchAttributes", tcp_match_fields);

static const struct field tcp_fields[] = {
	{"match", FIELD_LIST, NOT_KEPT, .message = &tcp_match},
	{"route", FIELD_LIST, NOT_KEPT, .message = &l4_route},
	{0},
};
static const struct message tcp = CHECKED("TCPRoute", tcp_fields);

/* ---- the object ---- */

static const struct field virtual_service_fields[] = {
	{"hosts", FIELD_STRINGS, AT(virtual_service, hosts)},
	{"gateways", FIELD_STRINGS, AT(virtual_service, gateways)},
	{"http", FIELD_LIST, AT(virtual_service, http), COUNT(virtual_service, n_http),
	 .message = &rule},
	{"tls", FIELD_LIST, FIELD_PRESENT, NOT_KEPT, COUNT(virtual_service, has_tls),
	 .message = &tls},
	{"tcp", FIELD_LIST, FIELD_PRESENT, NOT_KEPT, COUNT(virtual_service, has_tcp),
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
