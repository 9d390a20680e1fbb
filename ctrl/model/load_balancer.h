/* load_balancer.h - a DestinationRule's loadBalancer, decoded (istio/reference 3.3 and 3.4). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <model/string_list.h>

enum model_lb {
	MODEL_LB_UNSPECIFIED,
	MODEL_LB_ROUND_ROBIN,
	MODEL_LB_LEAST_REQUEST,
	MODEL_LB_RANDOM,
	MODEL_LB_PASSTHROUGH
};

struct cookie_attribute {
	const char *name, *value; /* value NULL: a flag such as Secure */
};

struct hash_cookie {
	const char *name, *path;
	bool has_ttl; /* a request without the cookie gets one */
	uint64_t ttl_us;
	uint32_t n_attributes;
	struct cookie_attribute *attributes;
};

struct consistent_hash {
	const char *header, *query;
	struct hash_cookie *cookie;
	bool source_ip;
	bool has_ring, has_maglev, has_table_size, has_minimum; /* written */
	uint32_t ring_size;                                     /* ringHash.minimumRingSize */
	uint32_t table_size;                                    /* maglev.tableSize */
	uint32_t minimum; /* minimumRingSize beside them, the old place */
};

struct locality_weight {
	const char *locality; /* may end in a wildcard part */
	uint32_t weight;
};

struct locality_distribute {
	const char *from;
	uint32_t n;
	struct locality_weight *to;
};

struct locality_failover {
	const char *from, *to; /* regions */
};

struct locality_setting {
	bool off; /* enabled: false */
	uint32_t n_distribute, n_failover;
	struct locality_distribute *distribute;
	struct locality_failover *failover;
	struct string_list failover_priority; /* "key" or "key=value" */
};

struct warmup {
	uint64_t duration_us; /* 0 = absent */
	bool has_minimum, has_aggression;
	double minimum_percent, aggression;
};

struct load_balancer {
	enum model_lb simple;
	struct consistent_hash *hash;      /* NULL */
	struct locality_setting *locality; /* NULL */
	struct warmup *warmup;             /* NULL */
	uint64_t warmup_old_us;            /* warmupDurationSecs; 0 = absent */
};
