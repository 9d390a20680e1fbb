/* model.h - Istio's and Kubernetes' resources as C structs, decoded and not yet resolved.
 *
 * Field names follow the schema (istio/reference); absent messages are NULL pointers, absent
 * lists have n == 0, absent strings are NULL. Every object lives in its resource's arena.
 * Names are as written: short hosts are expanded by the compiler, not here. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <common/arena.h>
#include <common/diag.h>
#include <model/health_check.h>
#include <model/load_balancer.h>
#include <model/string_list.h>
#include <weir/addr.h>

/*     id, kind as written, plural of get/metrics, API group */
#define RESOURCE_KINDS(X)                                                                          \
	X(VIRTUAL_SERVICE, "VirtualService", "virtualservice", "networking.istio.io")              \
	X(DESTINATION_RULE, "DestinationRule", "destinationrule", "networking.istio.io")           \
	X(GATEWAY, "Gateway", "gateway", "networking.istio.io")                                    \
	X(SERVICE_ENTRY, "ServiceEntry", "serviceentry", "networking.istio.io")                    \
	X(WORKLOAD_ENTRY, "WorkloadEntry", "workloadentry", "networking.istio.io")                 \
	X(WORKLOAD_GROUP, "WorkloadGroup", "workloadgroup", "networking.istio.io")                 \
	X(SERVICE, "Service", "service", "")                                                       \
	X(POD, "Pod", "pod", "")                                                                   \
	X(ENDPOINTS, "Endpoints", "endpoints", "")                                                 \
	X(ENDPOINT_SLICE, "EndpointSlice", "endpointslice", "discovery.k8s.io")

enum resource_kind {
#define X(id, kind, name, group) KIND_##id,
	RESOURCE_KINDS(X)
#undef X
		KIND_COUNT
};

struct label {
	const char *key, *value;
};

struct labels {
	uint32_t n;
	const struct label *items; /* sorted by key */
};

/* Does `have` contain every label of `want`? */
bool labels_contain(const struct labels *have, const struct labels *want);
const char *labels_get(const struct labels *l, const char *key); /* NULL when absent */

/* ---- common ---- */

enum string_match_kind { SM_PRESENT, SM_EXACT, SM_PREFIX, SM_REGEX };

struct string_match {
	enum string_match_kind kind;
	const char *value;
	struct pos pos;
};

struct named_match { /* an entry of match.headers and its like */
	const char *name;
	struct string_match match;
	bool null; /* written as null: a presence test, or an error in headers */
	struct pos pos;
};

struct destination {
	const char *host;
	const char *subset;    /* NULL */
	uint32_t port;         /* 0 = absent */
	const char *port_name; /* 0.8: destination.port.name */
	struct pos pos;
};

/* ---- weir.io/rate-limit ---- */

struct rate_setting {
	const char *name; /* of an http rule; NULL: of everything that has no limit of its own */
	uint64_t count, unit_us; /* so many requests in this time */
	uint64_t burst;          /* so many at once; at least 1 */
};

struct rate_settings {
	uint32_t n;
	const struct rate_setting *items; /* names differ */
};

/* The one for this name, else that for everything, else NULL. name may be NULL. */
const struct rate_setting *rate_setting_for(const struct rate_settings *s, const char *name);

/* ---- VirtualService ---- */

struct http_match {
	const char *name;
	struct string_match *uri, *scheme, *method, *authority;
	bool ignore_uri_case;
	uint32_t n_headers, n_without_headers, n_query_params;
	struct named_match *headers, *without_headers, *query_params;
	uint32_t port; /* 0 = any */
	struct string_list gateways;
	struct labels source_labels;
	const char *source_namespace;
	const char *stat_prefix;
	struct pos pos;
};

struct header_operations {
	struct labels set, add; /* name as written -> value; sorted by name */
	struct string_list remove;
	struct pos pos;
};

struct header_manipulation { /* Headers */
	struct header_operations *request, *response;
	struct pos pos;
};

struct http_route_destination {
	struct destination *destination;
	int32_t weight;
	struct header_manipulation *headers;
	struct pos pos;
};

struct percent {
	double value;
	struct pos pos;
};

enum derive_port { DERIVE_PROTOCOL_DEFAULT, DERIVE_REQUEST_PORT };

struct http_redirect {
	const char *uri, *prefix_rewrite, *authority, *scheme;
	uint32_t port; /* 0 = absent */
	int derive_port;
	bool has_derive_port;
	uint32_t code; /* 0 = absent: 301 */
	struct pos pos;
};

struct http_body {
	const char *string;
	const char *bytes; /* base64, as written */
	struct pos pos;
};

struct http_direct_response {
	uint32_t status;
	struct http_body *body;
	struct pos pos;
};

struct regex_rewrite {
	const char *match, *rewrite;
	struct pos pos;
};

struct http_rewrite {
	const char *uri, *authority;
	struct regex_rewrite *regex; /* uriRegexRewrite */
	struct pos pos;
};

struct fault_delay {
	uint64_t fixed_us;
	bool has_fixed, has_exponential; /* written */
	struct percent *percentage;
	int32_t percent; /* the old form */
	struct pos pos;
};

struct fault_abort {
	int32_t http_status;
	bool has_http_status;
	const char *grpc_status, *http2_error;
	struct percent *percentage;
	int32_t percent; /* 0.8 */
	struct pos pos;
};

struct http_fault {
	struct fault_delay *delay;
	struct fault_abort *abort;
	struct pos pos;
};

struct http_mirror { /* an element of mirrors */
	struct destination *destination;
	struct percent *percentage; /* NULL = all */
	struct pos pos;
};

enum unmatched_preflights { PREFLIGHT_FORWARD, PREFLIGHT_IGNORE };

struct cors_policy {
	struct string_list allow_origin; /* the old form: exact origins */
	uint32_t n_allow_origins;
	struct string_match *allow_origins;
	struct string_list allow_methods, allow_headers, expose_headers;
	uint64_t max_age_us;
	bool has_max_age, allow_credentials;
	int unmatched_preflights;
	struct pos pos;
};

struct http_delegate {
	const char *name, *ns; /* ns NULL = the root's */
	struct pos pos;
};

struct http_retry {
	int32_t attempts;
	uint64_t per_try_timeout_us, backoff_us;
	const char *retry_on;
	bool has_per_try_timeout, has_remote_localities, has_ignore_previous_hosts; /* written */
	bool ignore_previous_hosts;
	struct pos pos;
};

struct http_rule {
	const char *name;
	uint32_t n_match, n_route;
	struct http_match *match;
	struct http_route_destination *route;
	uint64_t timeout_us; /* 0 = absent */
	struct http_retry *retries;
	struct http_redirect *redirect;
	struct http_direct_response *direct_response;
	struct http_delegate *delegate;
	struct http_rewrite *rewrite;
	struct http_fault *fault;
	struct destination *mirror;
	struct percent *mirror_percentage;
	uint32_t mirror_percent; /* the old form */
	bool has_mirror_percent;
	uint32_t n_mirrors;
	struct http_mirror *mirrors;
	struct cors_policy *cors;
	struct header_manipulation *headers;
	struct labels append_headers; /* 0.8: headers.request.add */
	struct pos pos;
	/* Fields that the schema has and this version does not execute: their names, as found
	 * ("redirect", "fault", ...). Validation refuses them, so that nothing is silently
	 * different. */
	struct string_list unsupported;
};

/* A block of tls[].match or tcp[].match; sni_hosts is of tls only. */
struct l4_match {
	struct string_list sni_hosts, destination_subnets, gateways;
	uint32_t port; /* 0 = any */
	struct labels source_labels;
	const char *source_namespace;
	const char *destination_subnet, *source_subnet; /* the old forms, of tcp only */
	struct pos pos;
};

struct l4_rule { /* TLSRoute, TCPRoute */
	uint32_t n_match, n_route;
	struct l4_match *match;
	struct http_route_destination *route; /* without headers */
	struct pos pos;
};

struct virtual_service {
	struct string_list hosts, gateways, export_to;
	uint32_t n_http, n_tls, n_tcp;
	struct http_rule *http;
	struct l4_rule *tls, *tcp;
	struct rate_settings rates;
};

/* ---- DestinationRule ---- */

enum model_tls { MODEL_TLS_DISABLE, MODEL_TLS_SIMPLE, MODEL_TLS_MUTUAL, MODEL_TLS_ISTIO_MUTUAL };

enum model_h2_upgrade { MODEL_H2_DEFAULT, MODEL_H2_DO_NOT_UPGRADE, MODEL_H2_UPGRADE };

/* connectionPool. Of times and counts 0 is absent, where no bool says so. */
struct pool_settings {
	bool has_tcp, has_http; /* written */
	int32_t max_connections;
	uint64_t connect_timeout_us, max_connection_duration_us;
	bool has_tcp_idle; /* 0s: never */
	uint64_t tcp_idle_timeout_us;
	bool has_keepalive;
	uint32_t keepalive_probes;
	uint64_t keepalive_time_us, keepalive_interval_us;
	int32_t max_pending_requests, max_requests, max_retries;
	int32_t max_requests_per_connection;
	uint64_t http_idle_timeout_us;
	enum model_h2_upgrade h2_upgrade;
	bool use_client_protocol;
	int32_t max_concurrent_streams;
	bool has_http2_keepalive;
	uint64_t http2_keepalive_interval_us, http2_keepalive_timeout_us;
};

/* HTTP statuses, a bit each. */
struct error_codes {
	uint64_t bits[10];
	uint32_t n;
};

/* outlierDetection. The old consecutiveErrors and the fields of the old http block are kept in the
 * same places. */
struct outlier_settings {
	bool has_5xx, has_gateway, has_local; /* written; 0 then switches it off */
	uint32_t consecutive_5xx, consecutive_gateway, consecutive_local;
	int32_t consecutive_old;
	bool split_local;
	uint64_t interval_us, base_ejection_us; /* 0 = absent */
	int32_t max_ejection_percent;           /* 0 = absent */
	int32_t min_health_percent;
	struct error_codes codes; /* empty: every 5xx */
};

struct retry_budget {
	bool has_percent; /* written */
	double percent;
	uint32_t min_concurrency; /* 0 = absent */
};

struct tunnel_settings {
	const char *protocol, *target_host; /* NULL */
	uint32_t target_port;               /* 0: absent */
};

struct traffic_policy {
	bool has_load_balancer;
	struct load_balancer lb;
	bool has_connection_pool;
	struct pool_settings pool;
	bool has_outlier_detection;
	struct outlier_settings outlier;
	bool has_retry_budget;
	struct retry_budget retry_budget;
	bool has_tls, has_tunnel, has_proxy_protocol; /* written */
	struct tunnel_settings tunnel;
	int proxy_version; /* 1, 2; 0: not said */
	enum model_tls tls_mode;
	struct pos pos;
	struct string_list unsupported;
};

struct port_policy {
	uint32_t port;
	struct traffic_policy policy;
};

struct subset {
	const char *name;
	struct labels labels;
	struct traffic_policy *policy; /* NULL */
	uint32_t n_ports;
	struct port_policy *ports;
	struct pos pos;
};

struct destination_rule {
	const char *host;
	struct pos host_pos;
	struct traffic_policy *policy; /* NULL */
	uint32_t n_ports;
	struct port_policy *ports; /* portLevelSettings */
	uint32_t n_subsets;
	struct subset *subsets;
	struct string_list export_to;
	struct labels workload_selector;
	bool has_workload_selector;
	uint32_t hash_balance_factor; /* weir.io/hash-balance-factor; 0 = absent */
};

/* ---- Gateway ---- */

enum port_protocol {
	PROTO_UNSET,
	PROTO_HTTP,
	PROTO_HTTPS,
	PROTO_GRPC,
	PROTO_GRPC_WEB,
	PROTO_HTTP2,
	PROTO_MONGO,
	PROTO_REDIS,
	PROTO_MYSQL,
	PROTO_TCP,
	PROTO_TLS,
	PROTO_UDP,
	PROTO_HTTP_PROXY
};

/* HTTP, HTTP2, GRPC, GRPC-WEB: one plain listener serves them all. */
static inline bool port_protocol_is_http(enum port_protocol p)
{
	return p == PROTO_HTTP || p == PROTO_HTTP2 || p == PROTO_GRPC || p == PROTO_GRPC_WEB;
}

/* Bytes over TCP, as far as a gateway is concerned. */
static inline bool port_protocol_is_tcp(enum port_protocol p)
{
	return p == PROTO_TCP || p == PROTO_MONGO || p == PROTO_REDIS || p == PROTO_MYSQL;
}

/* HTTP2, GRPC, GRPC-WEB: what a server with such a port speaks (reference 3.5). */
static inline bool port_protocol_is_http2(enum port_protocol p)
{
	return p == PROTO_HTTP2 || p == PROTO_GRPC || p == PROTO_GRPC_WEB;
}

struct gateway_server {
	uint32_t port;
	const char *port_name;
	enum port_protocol protocol;
	const char *bind; /* NULL = wildcard */
	struct string_list hosts;
	const char *name;
	bool has_tls;
	bool https_redirect;
	bool has_port;
	bool has_tls_settings; /* tls says more than httpsRedirect */
	struct pos pos;
};

struct gateway {
	struct labels selector;
	bool proxy_protocol; /* weir.io/proxy-protocol */
	uint32_t n_servers;
	struct gateway_server *servers;
	struct rate_settings rates; /* at most one, without name */
	uint32_t max_connections;   /* weir.io/max-connections; 0 = absent */
};

/* ---- registry: ServiceEntry, WorkloadEntry, Service, EndpointSlice, Pod ---- */

struct named_port { /* WorkloadEntry.ports */
	const char *name;
	uint32_t number;
};

struct workload_entry {
	const char *address;
	struct pos address_pos;
	uint32_t n_ports;
	struct named_port *ports;
	struct labels labels; /* spec.labels overlaid by metadata.labels */
	const char *network, *locality, *service_account;
	uint32_t weight; /* 0 = 1 */
	struct pos pos;
};

/* The template says what generated entries have besides an address; labels are those of the
 * group's metadata field, which they get, too. */
struct workload_group {
	struct labels labels;
	struct workload_entry *template; /* NULL: absent, an error */
	struct probe *probe;             /* NULL */
	struct pos pos;
};

struct service_port {
	uint32_t number;
	const char *name;             /* NULL when absent */
	enum port_protocol protocol;  /* declared, or from the name ("http-web") or appProtocol */
	uint32_t target_port;         /* 0 = number */
	const char *target_port_name; /* Service.targetPort as a name */
	struct pos pos;
};

enum se_resolution { RES_NONE, RES_STATIC, RES_DNS, RES_DNS_ROUND_ROBIN, RES_DYNAMIC_DNS };

struct service_entry {
	struct string_list hosts, addresses, export_to;
	uint32_t n_ports, n_endpoints;
	struct service_port *ports;
	struct workload_entry *endpoints;
	enum se_resolution resolution;
	bool mesh_internal;
	bool has_selector; /* workloadSelector is written */
	struct labels selector;
	struct check_settings check; /* weir.io/health-check... */
};

struct service {
	struct string_list cluster_ips; /* without "None" */
	const char *type;
	const char *external_name;
	uint32_t n_ports;
	struct service_port *ports;
	bool has_selector;
	struct labels selector;
	struct check_settings check; /* weir.io/health-check... */
};

struct slice_endpoint {
	struct string_list addresses;
	bool ready; /* conditions.ready; absent = true */
	const char *target_kind, *target_name, *target_namespace; /* targetRef */
	const char *zone;
};

struct slice_port {
	const char *name; /* NULL or "" = unnamed */
	uint32_t port;
};

/* EndpointSlice, and each subset of an Endpoints object. The Service is named by the label
 * kubernetes.io/service-name (EndpointSlice) or by the object's own name (Endpoints). */
struct endpoint_slice {
	const char *service;
	uint32_t n_endpoints, n_ports;
	struct slice_endpoint *endpoints;
	struct slice_port *ports;
};

struct endpoints {
	uint32_t n_subsets;
	struct endpoint_slice *subsets;
};

struct pod_port {
	const char *name;
	uint32_t port;
};

struct pod {
	const char *ip; /* status.podIP; NULL when it has none */
	bool ready;     /* phase Running and condition Ready not False; absent = ready */
	uint32_t n_ports;
	struct pod_port *ports; /* containers[].ports[] */
};

/* ---- a resource ---- */

/* A field that the schema has and this version does not execute. */
struct unsupported_field {
	const char *path; /* "spec.http[0].redirect" */
	struct pos pos;
	bool refused; /* requests would notice: an error; otherwise a warning */
};

struct unsupported_fields {
	uint32_t n, cap;
	struct unsupported_field *items;
};

/* Where each field of a resource was written, by hash of its path: see resource_pos(). */
struct field_place {
	uint32_t hash;
	uint32_t line, col;
};

struct field_places {
	uint32_t n, cap;
	struct field_place *items; /* sorted by hash once decoding has ended */
};

struct resource {
	enum resource_kind kind;
	const char *api_version;
	const char *name, *ns; /* ns is "default" when absent */
	struct labels labels;
	struct labels annotations;
	int64_t creation_time; /* seconds since the epoch; 0 = absent */
	struct pos pos;
	uint64_t hash; /* of the document's content, for caches */
	union {
		void *spec;
		struct virtual_service *vs;
		struct destination_rule *dr;
		struct gateway *gw;
		struct service_entry *se;
		struct workload_entry *we;
		struct workload_group *wg;
		struct service *svc;
		struct pod *pod;
		struct endpoints *ep;
		struct endpoint_slice *eps;
	};
	struct unsupported_fields unsupported;
	struct field_places places;
	struct arena *arena;   /* owns everything above, this struct included */
	uint32_t more_holders; /* besides the first */
};

/* Where the field of a path was written, or the nearest one around it that was. */
struct pos resource_pos(const struct resource *r, const char *path);
/* "VirtualService default/reviews", for diags; buf is cut at size. Returns buf. */
char *resource_label(const struct resource *r, char *buf, size_t size);
#define RESOURCE_LABEL_SIZE 576

/* Everything that was read, ordered by (kind, creation_time, name, ns): the order in which
 * Istio lets the older object win. */
struct resource_set {
	struct resource **items;
	size_t n, cap;
};

void resource_set_init(struct resource_set *s);
void resource_set_fini(struct resource_set *s);                    /* puts the resources */
void resource_set_add(struct resource_set *s, struct resource *r); /* takes r */
void resource_set_sort(struct resource_set *s);
/* The resources of a kind are consecutive after sorting: [*first, *last). */
void resource_set_range(const struct resource_set *s, enum resource_kind kind, size_t *first,
			size_t *last);
const char *resource_kind_name(enum resource_kind kind);

/* A resource does not change, and is shared by those that hold it, all in the control thread.
 * One that was just decoded is held once. */
struct resource *resource_get(struct resource *r);
void resource_put(struct resource *r); /* NULL is fine; the last one frees it */

/* VirtualServices that differ in their rules at most: same identity, age, hosts, gateways and
 * visibility. False for other kinds. */
bool resource_same_place(const struct resource *a, const struct resource *b);

/* ---- of a sorted set ---- */
void resource_set_insert(struct resource_set *s, struct resource *r); /* takes r */
void resource_set_remove(struct resource_set *s, struct resource *r); /* puts r */
/* Calls each for what from and to do not have in common, in order: with one of the two NULL for
 * what was removed or added; with both, one may have taken the other's place. */
void resource_set_diff(const struct resource_set *from, const struct resource_set *to,
		       void (*each)(struct resource *old, struct resource *now, void *arg),
		       void *arg);
/* Makes held the same set as s, with holds of its own. */
void resource_set_follow(struct resource_set *held, const struct resource_set *s);

/* Decodes every document of a YAML stream (JSON included), `kind: List` too. Resources that
 * decode without error are added to out; problems go to diags. `file` is copied. Kinds that
 * weir does not know are skipped with one warning per kind in d. */
void model_decode(const char *file, const char *text, size_t len, struct resource_set *out,
		  struct diags *d);
/* The same of a part of the file, that starts there. */
void model_decode_part(const char *file, const char *text, size_t len, struct text_start start,
		       struct resource_set *out, struct diags *d);
