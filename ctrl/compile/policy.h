/* policy.h - which DestinationRule a service gets, and what it says of one cluster
 * (istio/reference 3.1 and 3.2). Lives for one build. */
#pragma once
#include <compile/registry.h>

/* The DestinationRules of one host in one namespace, merged. */
struct dest_rule {
	const char *host, *ns;
	const struct destination_rule *top; /* whose trafficPolicy counts; NULL: nobody's */
	struct list subsets;                /* struct subset, names unique */
	uint32_t hash_balance_factor;       /* the first that is given; 0: none */
};

struct policies {
	struct map exact;     /* "ns/host" -> struct dest_rule */
	struct map wildcards; /* "ns" -> struct list of struct dest_rule */
};

void policies_init(struct policies *p, struct build *b);
void policies_fini(struct policies *p);

/* The rule that applies to a service as seen from the node; NULL when none does. */
const struct dest_rule *policies_find(const struct policies *p, struct build *b,
				      const struct reg_service *s);

struct cluster_policy {
	enum lb_policy lb;
	struct load_balancer balancer; /* borrowed from the resource */
	uint32_t bound_percent;        /* with LB_HASH: see struct affinity */
	uint64_t connect_timeout_us, idle_timeout_us, tcp_idle_us, max_connection_us;
	uint32_t max_requests_per_connection;
	bool has_keepalive;
	struct tcp_keepalive keepalive;
	struct breaker_limits limits;
	bool has_http2; /* else HTTP/1.1 is spoken */
	struct http2_policy http2;
	uint8_t proxy_version; /* of the PROXY protocol; 0: not spoken */
	bool has_tunnel;
	struct tunnel_settings tunnel; /* borrowed from the resource */
	bool has_outlier;
	struct outlier_policy outlier;
};

/* rule and subset may be NULL. */
void policy_resolve(const struct dest_rule *rule, const struct subset *subset,
		    const struct service_port *port, bool compat_08, struct cluster_policy *out);
