/* codes.h - every problem that reading, validation and the node configuration can find.
 *
 * One row per check: the id used in the code, the code that users and scripts see, the
 * severity, and what it means. Codes are never reused or renumbered; docs/diagnostics.md
 * lists the same rows for readers, and a test compares the two.
 *
 *   01xx reading and decoding      05xx Gateway
 *   02xx rules common to kinds     06xx ServiceEntry, workloads, health checks
 *   03xx VirtualService            07xx references between objects
 *   04xx DestinationRule           08xx node configuration */
#pragma once
#include <common/diag.h>

/* clang-format off */
#define DIAG_CODES(X)                                                                              \
	X(YAML_SYNTAX,           "WEIR0101", ERROR,   "the text is not YAML")                      \
	X(YAML_DUPLICATE_KEY,    "WEIR0102", ERROR,   "a key occurs twice in one mapping")         \
	X(YAML_LIMIT,            "WEIR0103", ERROR,                                                \
	  "too deep, too large, or aliases that multiply")                                         \
	X(YAML_UNSUPPORTED,      "WEIR0104", ERROR,                                                \
	  "a YAML feature that configuration may not use")                                         \
	X(FILE_UNREADABLE,       "WEIR0105", ERROR,   "the file cannot be read")                   \
	X(NOT_AN_OBJECT,         "WEIR0110", ERROR,                                                \
	  "a document is no object with apiVersion and kind")                                      \
	X(UNKNOWN_KIND,          "WEIR0111", WARNING, "the kind is not known here and is skipped") \
	X(UNKNOWN_FIELD,         "WEIR0112", ERROR,   "the message has no field of this name")     \
	X(WRONG_TYPE,            "WEIR0113", ERROR,   "the value has another type than the field") \
	X(OUT_OF_RANGE,          "WEIR0114", ERROR,   "the number is outside the field's range")   \
	X(UNKNOWN_VALUE,         "WEIR0115", ERROR,   "the enumeration has no such value")         \
	X(DURATION_SYNTAX,       "WEIR0116", ERROR,   "not a duration such as 1.5s")               \
	X(DURATION_SHORT,        "WEIR0117", ERROR,   "the duration is below 1ms")                 \
	X(DURATION_PRECISION,    "WEIR0118", ERROR,                                                \
	  "the duration is not a whole number of milliseconds")                                    \
	X(NULL_ELEMENT,          "WEIR0119", ERROR,   "an element of a list is null")              \
	X(ONE_OF,                "WEIR0120", ERROR,   "two fields of which only one may be set")   \
	X(OLD_FORM,              "WEIR0121", WARNING, "an old form of a field; today's is named")  \
	X(BOTH_SPELLINGS,        "WEIR0122", WARNING,                                              \
	  "one field in both spellings; camelCase wins")                                           \
	X(NOT_SUPPORTED,         "WEIR0123", ERROR,                                                \
	  "the field would change what requests see and is not supported by this version")         \
	X(NO_EFFECT,             "WEIR0124", WARNING,                                              \
	  "the field is accepted and has no effect in this version")                               \
	X(TIMESTAMP,             "WEIR0125", ERROR,   "not an RFC 3339 time")                      \
	X(FIELD_REQUIRED,        "WEIR0126", ERROR,                                                \
	  "a field without which the message means nothing is missing")                            \
	X(NAME_INVALID,          "WEIR0201", ERROR,   "the object's name is missing or malformed") \
	X(NAMESPACE_INVALID,     "WEIR0202", ERROR,   "the namespace is no DNS label")             \
	X(LABEL_INVALID,         "WEIR0203", ERROR,   "a label key or value is malformed")         \
	X(ANNOTATION_REFUSED,    "WEIR0204", ERROR,   "an annotation that users may not set")      \
	X(EXPORT_TO,             "WEIR0205", ERROR,                                                \
	  "exportTo is malformed or contradicts itself")                                           \
	X(HOST_INVALID,          "WEIR0206", ERROR,   "not a host name")                           \
	X(MATCH_EMPTY,           "WEIR0207", ERROR,   "a prefix or regex match is empty")          \
	X(REGEX_LONG,            "WEIR0208", ERROR,                                                \
	  "a regular expression is longer than 1024 bytes")                                        \
	X(REGEX_SYNTAX,          "WEIR0209", ERROR,   "a regular expression is not RE2 syntax")    \
	X(GATEWAY_NAME,          "WEIR0210", ERROR,   "a gateway reference is malformed")          \
	X(GATEWAY_NAME_OLD,      "WEIR0211", WARNING,                                              \
	  "a gateway reference in its old, dotted form")                                           \
	X(ADDRESS_INVALID,       "WEIR0212", ERROR,   "not an IP address or CIDR block")           \
	X(DUPLICATE_OBJECT,      "WEIR0213", ERROR,   "one object is defined twice")               \
	X(RATE_LIMIT,            "WEIR0220", ERROR,   "not a rate limit such as 100/s burst=20")     \
	X(RATE_LIMIT_NAME,       "WEIR0221", ERROR,   "a rate limit for a rule that does not exist") \
	X(VS_HOSTS,              "WEIR0301", ERROR,                                                \
	  "a VirtualService without hosts has gateways, tls or tcp")                               \
	X(VS_MESH_WILDCARD,      "WEIR0302", ERROR,   "host * on the mesh")                        \
	X(VS_HOST_OVERLAP,       "WEIR0303", ERROR,   "two hosts of one VirtualService overlap")   \
	X(VS_NO_RULES,           "WEIR0304", ERROR,   "neither http, tls nor tcp is given")        \
	X(VS_NO_ACTION,          "WEIR0305", ERROR,   "an http rule says nothing to do")           \
	X(VS_NO_DESTINATION,     "WEIR0306", ERROR,   "a route without destination")               \
	X(VS_DESTINATION_HOST,   "WEIR0307", ERROR,                                                \
	  "a destination host that no service can have")                                           \
	X(VS_SUBSET_NAME,        "WEIR0308", ERROR,   "a subset name is no DNS label")             \
	X(VS_WEIGHT_NEGATIVE,    "WEIR0309", ERROR,   "a weight is negative")                      \
	X(VS_WEIGHT_ZERO,        "WEIR0310", ERROR,   "all weights of a rule are 0")               \
	X(VS_WEIGHT_SUM,         "WEIR0311", WARNING,                                              \
	  "the weights of a rule do not add up to 100")                                            \
	X(VS_HEADER_NAME,        "WEIR0312", ERROR,   "a header name is empty or malformed")       \
	X(VS_HEADER_NULL,        "WEIR0313", ERROR,   "a header match is null")                    \
	X(VS_SOURCE_NAMESPACE,   "WEIR0314", ERROR,   "sourceNamespace is no namespace")           \
	X(VS_RETRY_ATTEMPTS,     "WEIR0315", ERROR,   "attempts is negative")                      \
	X(VS_RETRY_DISABLED,     "WEIR0316", ERROR,   "retries are off and yet described")         \
	X(VS_RETRY_ON,           "WEIR0317", ERROR,   "an unknown retryOn condition")              \
	X(VS_RULE_UNREACHABLE,   "WEIR0318", WARNING, "an earlier rule takes every request")       \
	X(VS_MATCH_UNREACHABLE,  "WEIR0319", WARNING,                                              \
	  "an earlier match takes every request of this one")                                      \
	X(VS_NOT_HTTP,           "WEIR0320", WARNING, "tls rules, or tcp rules on the mesh")       \
	X(VS_DELEGATE,           "WEIR0321", WARNING, "a delegate VirtualService is not used")     \
	X(VS_ACTIONS,            "WEIR0322", ERROR,                                                \
	  "more than one of route, redirect and directResponse")                                   \
	X(VS_ACTION_ALONE,       "WEIR0323", ERROR,                                                \
	  "a fault or rewrite where no request is forwarded")                                      \
	X(VS_DELEGATE_ACTION,    "WEIR0324", ERROR,                                                \
	  "a rule that delegates has a route or redirect")                                         \
	X(VS_DELEGATE_NESTED,    "WEIR0325", ERROR,   "a delegate's rule delegates again")         \
	X(VS_DELEGATE_NAME,      "WEIR0326", ERROR,                                                \
	  "a delegate's name or namespace is malformed")                                           \
	X(VS_REDIRECT_PATH,      "WEIR0327", ERROR,   "uri and prefixRewrite exclude each other")  \
	X(VS_REDIRECT_PREFIX,    "WEIR0328", ERROR,   "prefixRewrite without a matched prefix")    \
	X(VS_REDIRECT_EMPTY,     "WEIR0329", ERROR,   "a redirect that changes nothing")           \
	X(VS_REDIRECT_CODE,      "WEIR0330", ERROR,   "a status that redirects nobody")            \
	X(VS_REDIRECT_SCHEME,    "WEIR0331", ERROR,   "a redirect to an unknown scheme")           \
	X(VS_STATUS,             "WEIR0332", ERROR,   "a status outside 200 to 600")               \
	X(VS_BODY_TOO_LARGE,     "WEIR0333", ERROR,   "a response body above 1 MiB")               \
	X(VS_BODY_LARGE,         "WEIR0334", WARNING, "a response body above 100 KiB")             \
	X(VS_BODY_BASE64,        "WEIR0335", ERROR,   "bytes are not base64")                      \
	X(VS_REWRITE_PATH,       "WEIR0336", ERROR,                                                \
	  "uri and uriRegexRewrite exclude each other")                                            \
	X(VS_REWRITE_EMPTY,      "WEIR0337", ERROR,   "a rewrite that changes nothing")            \
	X(VS_REWRITE_REGEX,      "WEIR0338", ERROR,   "uriRegexRewrite without match or rewrite")  \
	X(VS_REWRITE_STRING,     "WEIR0339", ERROR,                                                \
	  "a substitution that the expression has not got")                                        \
	X(VS_AUTHORITY_TWICE,    "WEIR0340", ERROR,   "the host is set more than once")            \
	X(VS_FAULT_EMPTY,        "WEIR0341", ERROR,   "a fault without delay and abort")           \
	X(VS_FAULT_KIND,         "WEIR0342", WARNING, "a delay or abort that does not say which")  \
	X(VS_FAULT_UNKNOWN,      "WEIR0343", ERROR,   "a kind of fault that nobody implements")    \
	X(VS_PERCENT,            "WEIR0344", ERROR,   "a percentage outside 0 and 0.0001 to 100")  \
	X(VS_GRPC_STATUS,        "WEIR0345", ERROR,   "an unknown gRPC status")                    \
	X(VS_MIRROR_TWICE,       "WEIR0346", ERROR,   "mirror and mirrors exclude each other")     \
	X(VS_MIRROR_PERCENT,     "WEIR0347", ERROR,   "a mirrored share outside 0 to 100")         \
	X(VS_HEADER_FIXED,       "WEIR0348", ERROR,   "a header that cannot be changed here")      \
	X(VS_HEADER_VALUE,       "WEIR0349", ERROR,   "a header value with control characters")    \
	X(VS_HEADER_FORMAT,      "WEIR0350", ERROR,   "a malformed variable in a header value")    \
	X(VS_CORS_ORIGIN,        "WEIR0351", ERROR,   "an allowed origin that says nothing")       \
	X(VS_CORS_METHOD,        "WEIR0352", ERROR,   "an unknown method in allowMethods")         \
	X(VS_CORS_MAX_AGE,       "WEIR0353", ERROR,   "maxAge is not a whole number of seconds")   \
	X(VS_L4_NO_ROUTE,        "WEIR0354", ERROR,   "a tls or tcp rule without route")           \
	X(VS_TLS_NO_MATCH,       "WEIR0355", ERROR,   "a tls rule without match")                  \
	X(VS_SNI_NONE,           "WEIR0356", ERROR,   "a tls match without sniHosts")              \
	X(VS_SNI_OUTSIDE,        "WEIR0357", ERROR,   "an SNI host that hosts do not cover")       \
	X(VS_SNI_ADDRESS,        "WEIR0358", WARNING, "an address as SNI host")                    \
	X(DR_EMPTY_POLICY,       "WEIR0401", ERROR,   "a traffic policy without content")          \
	X(DR_EMPTY_POOL,         "WEIR0402", ERROR,   "a connection pool without content")         \
	X(DR_SUBSET_NAME,        "WEIR0403", ERROR,   "a subset name is empty or malformed")       \
	X(DR_SUBSET_TWICE,       "WEIR0404", ERROR,   "two subsets have one name")                 \
	X(DR_SELECTOR_EXPORT,    "WEIR0405", ERROR,   "workloadSelector and exportTo contradict")  \
	X(DR_TLS,                "WEIR0406", ERROR,                                                \
	  "TLS to the upstream is not supported by this version")                                  \
	X(DR_TUNNEL,             "WEIR0407", ERROR,                                                \
	  "tunnel and proxyProtocol exclude each other")                                           \
	X(DR_PORTS_MANY,         "WEIR0408", ERROR,   "more than 4096 portLevelSettings")          \
	X(DR_PORT_TWICE,         "WEIR0409", WARNING, "two portLevelSettings for one port")        \
	X(DR_PASSTHROUGH,        "WEIR0410", WARNING,                                              \
	  "PASSTHROUGH means nothing behind a gateway")                                            \
	X(DR_HASH_KEY,           "WEIR0411", ERROR,   "consistentHash does not say what to hash")  \
	X(DR_COOKIE,             "WEIR0412", ERROR,                                                \
	  "a cookie without name, or with bad attributes")                                         \
	X(DR_RING_TWICE,         "WEIR0413", ERROR,                                                \
	  "the kind or size of the hash table is given twice")                                     \
	X(DR_RING_SIZE,          "WEIR0414", ERROR,   "the ring is larger than 8388608")           \
	X(DR_MAGLEV_SIZE,        "WEIR0415", ERROR,                                                \
	  "a Maglev table size that is missing, too large or no prime")                            \
	X(DR_LOCALITY,           "WEIR0416", ERROR,                                                \
	  "a malformed locality, or one that overlaps another")                                    \
	X(DR_LOCALITY_WEIGHT,    "WEIR0417", ERROR,                                                \
	  "weights of localities outside 1..100, or not adding up to it")                          \
	X(DR_LOCALITY_BOTH,      "WEIR0418", ERROR,                                                \
	  "distribute and failover exclude each other")                                            \
	X(DR_FAILOVER,           "WEIR0419", ERROR,                                                \
	  "a failover that does not lead from one region to another")                              \
	X(DR_WARMUP,             "WEIR0420", ERROR,                                                \
	  "a warmup without duration, or outside its ranges")                                      \
	X(DR_WARMUP_POLICY,      "WEIR0421", WARNING, "warmup with a policy that knows none")      \
	X(DR_LOCALITY_HEALTH,    "WEIR0422", WARNING, "failover without outlierDetection")          \
	X(DR_HASH_FACTOR,        "WEIR0423", WARNING, "bounded loads without consistentHash")       \
	X(DR_H2_UPGRADE,         "WEIR0430", ERROR,                                                \
	  "useClientProtocol and h2UpgradePolicy UPGRADE contradict")                              \
	X(DR_HTTP2_KEEPALIVE,    "WEIR0431", ERROR,                                                \
	  "http2KeepAlive without interval or timeout")                                            \
	X(DR_OUTLIER_LOCAL,      "WEIR0432", ERROR,                                                \
	  "consecutiveLocalOriginFailures without splitExternalLocalOriginErrors")                 \
	X(DR_TUNNEL_PROTOCOL,    "WEIR0433", ERROR,   "tunnel.protocol is neither CONNECT nor POST") \
	X(DR_TUNNEL_TARGET,      "WEIR0434", ERROR,                                                \
	  "a tunnel without target, or to a malformed one")                                        \
	X(GW_NAME,               "WEIR0501", ERROR,   "a Gateway's name is no DNS label")          \
	X(GW_NO_SERVERS,         "WEIR0502", ERROR,   "a Gateway without servers")                 \
	X(GW_PORT_NAME,          "WEIR0503", ERROR,   "a server's port has no name, or another's") \
	X(GW_PROTOCOL,           "WEIR0504", ERROR,   "an unknown port protocol")                  \
	X(GW_BIND,               "WEIR0505", ERROR,   "bind is no usable address")                 \
	X(GW_NO_HOSTS,           "WEIR0506", ERROR,   "a server without hosts")                    \
	X(GW_HOST,               "WEIR0507", ERROR,   "a server's host is malformed")              \
	X(GW_TLS_REQUIRED,       "WEIR0508", ERROR,   "an HTTPS or TLS server without tls")        \
	X(GW_TLS_PLAIN,          "WEIR0509", ERROR,   "tls settings on a plain-text server")       \
	X(GW_REDIRECT_USELESS,   "WEIR0510", WARNING,                                              \
	  "httpsRedirect on a server that is not HTTP")                                            \
	X(GW_NOT_OPENED,         "WEIR0511", WARNING, "this version does not open the server")     \
	X(SE_HOSTS,              "WEIR0601", ERROR,                                                \
	  "no hosts, too many, or one that no service can have")                                   \
	X(SE_PORT_TWICE,         "WEIR0602", ERROR,   "two service ports share name or number")    \
	X(SE_PORT_NAME,          "WEIR0603", ERROR,   "a port name is malformed")                  \
	X(SE_BOTH_SOURCES,       "WEIR0605", ERROR,                                                \
	  "endpoints and workloadSelector exclude each other")                                     \
	X(SE_ENDPOINTS_NONE,     "WEIR0606", ERROR,   "endpoints with resolution NONE")            \
	X(SE_ENDPOINT_ADDRESS,   "WEIR0607", ERROR,                                                \
	  "an endpoint address does not suit the resolution")                                      \
	X(SE_CIDR,               "WEIR0608", ERROR,                                                \
	  "CIDR addresses need resolution NONE or STATIC")                                         \
	X(SE_ONE_ENDPOINT,       "WEIR0609", ERROR,                                                \
	  "more than one endpoint with DNS_ROUND_ROBIN")                                           \
	X(SE_ENDPOINT_PORT,      "WEIR0610", ERROR,                                                \
	  "an endpoint port that the service does not have")                                       \
	X(SE_MANY_HOSTS_TCP,     "WEIR0611", ERROR,                                                \
	  "several hosts on a port that is neither HTTP nor TLS")                                  \
	X(SE_TCP_NO_ADDRESS,     "WEIR0612", WARNING, "a TCP port without addresses")              \
	X(SE_SELECTOR,           "WEIR0613", ERROR,   "a malformed workload selector")             \
	X(SE_RESOLUTION,         "WEIR0614", WARNING, "this version does not resolve the service") \
	X(SE_DNS_HOST,           "WEIR0615", ERROR,   "a host that DNS cannot resolve")            \
	X(SE_PARTIAL_WILDCARD,   "WEIR0616", WARNING, "a partial wildcard host")                   \
	X(SE_SELECTOR_EMPTY,     "WEIR0617", WARNING, "a workload selector without labels")        \
	X(WE_ADDRESS,            "WEIR0618", ERROR,   "the address is missing or malformed")       \
	X(WE_UNIX,               "WEIR0619", ERROR,   "a malformed unix address")                  \
	X(WE_UNIX_UNREACHABLE,   "WEIR0620", WARNING, "unix addresses are not reachable")          \
	X(WE_NETWORK_ONLY,       "WEIR0621", WARNING, "a network instead of an address")           \
	X(WE_PORT_NAME,          "WEIR0622", ERROR,   "a port name is malformed")                  \
	X(WG_TEMPLATE,           "WEIR0623", ERROR,   "a WorkloadGroup's template is missing")      \
	X(PROBE_METHOD,          "WEIR0624", ERROR,                                                \
	  "a probe without a method, or with one that a gateway cannot use")                       \
	X(PROBE_HEADER,          "WEIR0625", ERROR,   "a header of a probe is malformed")          \
	X(PROBE_HOST,            "WEIR0626", WARNING, "a probe's host is not where it goes")       \
	X(CHECK_ALONE,           "WEIR0627", ERROR,                                                \
	  "a health check's annotation without the check that it is for")                          \
	X(CHECK_VALUE,           "WEIR0628", ERROR,                                                \
	  "a path, host or list of statuses that a health check cannot use")                       \
	X(REF_HOST,              "WEIR0701", WARNING,                                              \
	  "a destination host that no service has (IST0101)")                                      \
	X(REF_SUBSET,            "WEIR0702", WARNING,                                              \
	  "a subset that no DestinationRule defines (IST0101)")                                    \
	X(REF_GATEWAY,           "WEIR0703", WARNING, "a Gateway that does not exist (IST0101)")   \
	X(REF_RULE_HOST,         "WEIR0704", WARNING,                                              \
	  "a DestinationRule for an unknown host (IST0174)")                                       \
	X(REF_PORT,              "WEIR0705", WARNING,                                              \
	  "a destination port that the service does not have")                                     \
	X(REF_PORT_REQUIRED,     "WEIR0706", WARNING,                                              \
	  "a destination without port, a service with several (IST0112)")                          \
	X(REF_PORT_NAME,         "WEIR0707", ERROR,                                                \
	  "a destination port name that the service does not have")                                \
	X(REF_MESH_HOST,         "WEIR0708", WARNING,                                              \
	  "two VirtualServices claim one host on the mesh (IST0109)")                              \
	X(REF_GATEWAY_HOST,      "WEIR0709", WARNING,                                              \
	  "a host outside those of the Gateway (IST0132)")                                         \
	X(REF_DELEGATE,          "WEIR0710", WARNING, "a delegate that does not exist or is hidden")\
	X(NODE_WORKERS,          "WEIR0801", ERROR,                                                \
	  "workers and lcores contradict or are malformed")                                        \
	X(NODE_SIZE,             "WEIR0802", ERROR,   "not a size such as 512MiB")                 \
	X(NODE_INTERFACE,        "WEIR0803", ERROR,                                                \
	  "an interface is incomplete, doubled or too much")                                       \
	X(NODE_ADDRESS,          "WEIR0804", ERROR,   "not an address with prefix length")         \
	X(NODE_ROUTE,            "WEIR0806", ERROR,   "a route's next hop is not on the link")     \
	X(NODE_KUBERNETES,       "WEIR0807", ERROR,                                                \
	  "resources from Kubernetes are not supported by this version")                           \
	X(NODE_CAPTURE,          "WEIR0808", WARNING, "capture is not supported by this version")  \
	X(NODE_ADMIN,            "WEIR0809", ERROR,   "a malformed admin address")                 \
	X(NODE_RESOURCES,        "WEIR0810", ERROR,   "an entry of resources is not one source")   \
	X(NODE_DOCUMENTS,        "WEIR0811", ERROR,                                                \
	  "more than one document in the node configuration")                                      \
	X(NODE_NO_RESOURCES,     "WEIR0812", WARNING, "there is nowhere to read resources from")   \
	X(NODE_NO_INTERFACES,    "WEIR0813", WARNING, "there is no interface to serve on")         \
	X(NODE_NDP,              "WEIR0814", ERROR,   "an interface is not fit for IPv6")          \
	X(NODE_VLAN,             "WEIR0815", ERROR,   "stacked VLAN tags are not supported")        \
	X(NODE_BOND,             "WEIR0816", ERROR,   "a bond is incomplete or contradicts itself")
/* clang-format on */

enum diag_code {
#define X(id, code, severity, summary) DIAG_##id,
	DIAG_CODES(X)
#undef X
		DIAG_CODE_COUNT
};

struct diag_rule {
	const char *code;
	enum diag_severity severity;
	const char *summary;
};

/* The row of a check. */
const struct diag_rule *diag_rule(enum diag_code id);

/* diag_add() with code and severity of the row. */
void diag_report(struct diags *d, enum diag_code id, struct pos pos, const char *resource,
		 const char *field, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
