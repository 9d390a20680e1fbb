/* fields_gateway.c - the tables of Gateway (reference section 4). */
#include <model/schema.h>

const struct enum_value schema_protocols[] = {
	{"HTTP", 0, PROTO_HTTP, false},
	{"HTTPS", 0, PROTO_HTTPS, false},
	{"GRPC", 0, PROTO_GRPC, false},
	{"GRPC-WEB", 0, PROTO_GRPC_WEB, false},
	{"HTTP2", 0, PROTO_HTTP2, false},
	{"MONGO", 0, PROTO_MONGO, false},
	{"REDIS", 0, PROTO_REDIS, false},
	{"MYSQL", 0, PROTO_MYSQL, false},
	{"TCP", 0, PROTO_TCP, false},
	{"TLS", 0, PROTO_TLS, false},
	{"TCP-TLS", 0, PROTO_TLS, true},
	{"UDP", 0, PROTO_UDP, false},
	{"HTTP_PROXY", 0, PROTO_HTTP_PROXY, false},
	{"", 0, PROTO_UNSET, false},
	{0},
};

static const struct field port_fields[] = {
	{"number", FIELD_UINT32, AT(gateway_server, port), RANGE(0, 65535)},
	{"protocol", FIELD_ENUM, FIELD_ANY_CASE | FIELD_NAMES_ONLY, AT(gateway_server, protocol),
	 .values = schema_protocols},
	{"name", FIELD_STRING, AT(gateway_server, port_name)},
	{"targetPort", FIELD_UINT32, NOT_KEPT, RANGE(0, 65535),
	 .today = "it has no effect on a Gateway, leave it out"},
	{0},
};
static const struct message port = {.name = "Port", .fields = port_fields, NO_POS, NO_LIST};

static const struct enum_value mode_values[] = {
	{"PASSTHROUGH", 0, 0, false},
	{"SIMPLE", 1, 1, false},
	{"MUTUAL", 2, 2, false},
	{"AUTO_PASSTHROUGH", 3, 3, false},
	{"ISTIO_MUTUAL", 4, 4, false},
	{"OPTIONAL_MUTUAL", 5, 5, false},
	{0},
};
static const struct enum_value version_values[] = {
	{"TLS_AUTO", 0, 0, false}, {"TLSV1_0", 1, 1, false}, {"TLSV1_1", 2, 2, false},
	{"TLSV1_2", 3, 3, false},  {"TLSV1_3", 4, 4, false}, {0},
};

static const struct field certificate_fields[] = {
	{"serverCertificate", FIELD_STRING, NOT_KEPT},
	{"privateKey", FIELD_STRING, NOT_KEPT},
	{"caCertificates", FIELD_STRING, NOT_KEPT},
	{0},
};
static const struct message certificate = CHECKED("TLSCertificate", certificate_fields);

/* Everything but httpsRedirect makes a server one that terminates or passes TLS. */
#define SETTING(field_name, field_type)                                                            \
	{                                                                                          \
		field_name, field_type, FIELD_PRESENT, NOT_KEPT,                                   \
			COUNT(gateway_server, has_tls_settings)                                    \
	}
#define ENUM_SETTING(field_name, field_values)                                                     \
	{                                                                                          \
		field_name, FIELD_ENUM, FIELD_PRESENT, NOT_KEPT,                                   \
			COUNT(gateway_server, has_tls_settings), .values = field_values            \
	}

static const struct field tls_fields[] = {
	{"httpsRedirect", FIELD_BOOL, AT(gateway_server, https_redirect)},
	ENUM_SETTING("mode", mode_values),
	SETTING("serverCertificate", FIELD_STRING),
	SETTING("privateKey", FIELD_STRING),
	SETTING("caCertificates", FIELD_STRING),
	SETTING("caCrl", FIELD_STRING),
	SETTING("credentialName", FIELD_STRING),
	SETTING("credentialNames", FIELD_STRINGS),
	{"tlsCertificates", FIELD_LIST, FIELD_PRESENT, NOT_KEPT,
	 COUNT(gateway_server, has_tls_settings), .message = &certificate},
	SETTING("caCertCredentialName", FIELD_STRING),
	SETTING("subjectAltNames", FIELD_STRINGS),
	SETTING("verifyCertificateSpki", FIELD_STRINGS),
	SETTING("verifyCertificateHash", FIELD_STRINGS),
	ENUM_SETTING("minProtocolVersion", version_values),
	ENUM_SETTING("maxProtocolVersion", version_values),
	SETTING("cipherSuites", FIELD_STRINGS),
	SETTING("insecureSkipVerify", FIELD_BOOL),
	{0},
};
static const struct message tls = {
	.name = "ServerTLSSettings", .fields = tls_fields, NO_POS, NO_LIST};

static const struct field server_fields[] = {
	{"port", FIELD_INLINE, FIELD_PRESENT, COUNT(gateway_server, has_port), .message = &port},
	{"bind", FIELD_STRING, AT(gateway_server, bind)},
	{"hosts", FIELD_STRINGS, AT(gateway_server, hosts)},
	{"tls", FIELD_INLINE, FIELD_PRESENT, COUNT(gateway_server, has_tls), .message = &tls},
	{"name", FIELD_STRING, AT(gateway_server, name)},
	{"defaultEndpoint", FIELD_STRING, FIELD_NO_EFFECT, NOT_KEPT},
	{0},
};
static const struct message server = KEPT("Server", gateway_server, server_fields);

static const struct field gateway_fields[] = {
	{"selector", FIELD_LABELS, AT(gateway, selector)},
	{"servers", FIELD_LIST, AT(gateway, servers), COUNT(gateway, n_servers),
	 .message = &server},
	{0},
};
const struct message schema_gateway = {
	.name = "Gateway",
	.size = sizeof(struct gateway),
	.fields = gateway_fields,
	NO_POS,
	NO_LIST,
};
