/* fields_health_check.c - the tables of WorkloadGroup and its probe (reference 6.2). */
#include <model/schema.h>

static const struct field header_fields[] = {
	{"name", FIELD_STRING, AT(probe_header, name)},
	{"value", FIELD_STRING, AT(probe_header, value)},
	{0},
};
static const struct message header = KEPT("HTTPHeader", probe_header, header_fields);

static const struct enum_value scheme_values[] = {
	{"HTTP", 0, PROBE_HTTP, false},
	{"HTTPS", 1, PROBE_HTTPS, false},
	{0},
};

static const struct field http_fields[] = {
	{"path", FIELD_STRING, AT(http_probe, path)},
	{"port", FIELD_UINT32, AT(http_probe, port), RANGE(1, 65535)},
	{"host", FIELD_STRING, AT(http_probe, host)},
	{"scheme", FIELD_ENUM, FIELD_NAMES_ONLY, AT(http_probe, scheme), .values = scheme_values},
	{"httpHeaders", FIELD_LIST, AT(http_probe, headers), COUNT(http_probe, n_headers),
	 .message = &header},
	{0},
};
static const struct message http = KEPT("HTTPHealthCheckConfig", http_probe, http_fields);

static const struct field tcp_fields[] = {
	{"host", FIELD_STRING, AT(tcp_probe, host)},
	{"port", FIELD_UINT32, AT(tcp_probe, port), RANGE(1, 65535)},
	{0},
};
static const struct message tcp = KEPT("TCPHealthCheckConfig", tcp_probe, tcp_fields);

static const struct field exec_fields[] = {
	{"command", FIELD_STRINGS, AT(exec_probe, command)},
	{0},
};
static const struct message exec = KEPT("ExecHealthCheckConfig", exec_probe, exec_fields);

static const struct field grpc_fields[] = {
	{"port", FIELD_UINT32, AT(grpc_probe, port), RANGE(1, 65535)},
	{"service", FIELD_STRING, AT(grpc_probe, service)},
	{0},
};
static const struct message grpc = KEPT("GrpcHealthCheckConfig", grpc_probe, grpc_fields);

static const char *const methods[] = {"httpGet", "tcpSocket", "exec", "grpc", NULL};

static const struct field probe_fields[] = {
	{"initialDelaySeconds", FIELD_INT32, AT(probe, initial_delay_s), RANGE(0, INT32_MAX)},
	{"timeoutSeconds", FIELD_INT32, AT(probe, timeout_s), RANGE(0, INT32_MAX)},
	{"periodSeconds", FIELD_INT32, AT(probe, period_s), RANGE(0, INT32_MAX)},
	{"successThreshold", FIELD_INT32, AT(probe, success_threshold), RANGE(0, INT32_MAX)},
	{"failureThreshold", FIELD_INT32, AT(probe, failure_threshold), RANGE(0, INT32_MAX)},
	{"httpGet", FIELD_MESSAGE, AT(probe, http), .message = &http},
	{"tcpSocket", FIELD_MESSAGE, AT(probe, tcp), .message = &tcp},
	{"exec", FIELD_MESSAGE, AT(probe, exec), .message = &exec},
	{"grpc", FIELD_MESSAGE, AT(probe, grpc), .message = &grpc},
	{0},
};
static const struct message probe = {
	.name = "ReadinessProbe",
	.size = sizeof(struct probe),
	.fields = probe_fields,
	MESSAGE_POS(probe),
	NO_LIST,
	.one_of = methods,
};

/* Given to generated entries; annotations say nothing to a gateway. */
static const struct field metadata_fields[] = {
	{"labels", FIELD_LABELS, AT(workload_group, labels)},
	{"annotations", FIELD_ANY, NOT_KEPT},
	{0},
};
static const struct message metadata = {
	.name = "ObjectMeta", .fields = metadata_fields, NO_POS, NO_LIST};

static const struct field group_fields[] = {
	{"metadata", FIELD_INLINE, .message = &metadata},
	{"template", FIELD_MESSAGE, AT(workload_group, template),
	 .message = &schema_workload_entry},
	{"probe", FIELD_MESSAGE, AT(workload_group, probe), .message = &probe},
	{0},
};
const struct message schema_workload_group = KEPT("WorkloadGroup", workload_group, group_fields);

const struct enum_value schema_check_kinds[] = {
	{"http", 1, CHECK_SETTINGS_HTTP, false},
	{"tcp", 2, CHECK_SETTINGS_TCP, false},
	{0},
};
