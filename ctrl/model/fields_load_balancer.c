/* fields_load_balancer.c - the tables of a DestinationRule's loadBalancer (reference 3.3, 3.4). */
#include <model/schema.h>

#define UINT32_RANGE RANGE(0, UINT32_MAX)

/* ---- consistentHash ---- */

static const struct field cookie_attribute_fields[] = {
	{"name", FIELD_STRING, AT(cookie_attribute, name)},
	{"value", FIELD_STRING, AT(cookie_attribute, value)},
	{0},
};
static const struct message cookie_attribute = {.name = "Attribute",
						.size = sizeof(struct cookie_attribute),
						.fields = cookie_attribute_fields,
						NO_POS,
						NO_LIST};

static const struct field cookie_fields[] = {
	{"name", FIELD_STRING, AT(hash_cookie, name)},
	{"path", FIELD_STRING, AT(hash_cookie, path)},
	{"ttl", FIELD_DURATION, FIELD_ZERO_OK | FIELD_PRESENT, AT(hash_cookie, ttl_us),
	 COUNT(hash_cookie, has_ttl)},
	{"attributes", FIELD_LIST, AT(hash_cookie, attributes), COUNT(hash_cookie, n_attributes),
	 .message = &cookie_attribute},
	{0},
};
static const struct message cookie = {.name = "HTTPCookie",
				      .size = sizeof(struct hash_cookie),
				      .fields = cookie_fields,
				      NO_POS,
				      NO_LIST};

static const struct field ring_hash_fields[] = {
	{"minimumRingSize", FIELD_UINT32, AT(consistent_hash, ring_size), UINT32_RANGE},
	{0},
};
static const struct message ring_hash = {
	.name = "RingHash", .fields = ring_hash_fields, NO_POS, NO_LIST};

static const struct field maglev_fields[] = {
	{"tableSize", FIELD_UINT32, FIELD_PRESENT, AT(consistent_hash, table_size),
	 COUNT(consistent_hash, has_table_size), UINT32_RANGE},
	{0},
};
static const struct message maglev = {.name = "MagLev", .fields = maglev_fields, NO_POS, NO_LIST};

static const struct field hash_fields[] = {
	{"httpHeaderName", FIELD_STRING, AT(consistent_hash, header)},
	{"httpHeader", FIELD_STRING, AT(consistent_hash, header), .today = "write httpHeaderName"},
	{"httpCookie", FIELD_MESSAGE, AT(consistent_hash, cookie), .message = &cookie},
	{"useSourceIp", FIELD_BOOL, AT(consistent_hash, source_ip)},
	{"httpQueryParameterName", FIELD_STRING, AT(consistent_hash, query)},
	{"ringHash", FIELD_INLINE, FIELD_PRESENT, COUNT(consistent_hash, has_ring),
	 .message = &ring_hash},
	{"maglev", FIELD_INLINE, FIELD_PRESENT, COUNT(consistent_hash, has_maglev),
	 .message = &maglev},
	{"minimumRingSize", FIELD_UINT32, FIELD_PRESENT, AT(consistent_hash, minimum),
	 COUNT(consistent_hash, has_minimum), UINT32_RANGE,
	 .today = "write ringHash: {minimumRingSize: N}"},
	{0},
};
static const char *const hash_keys[] = {
	"httpHeaderName",         "httpHeader", "httpCookie", "useSourceIp",
	"httpQueryParameterName", NULL};
static const struct message consistent_hash = {.name = "ConsistentHashLB",
					       .size = sizeof(struct consistent_hash),
					       .fields = hash_fields,
					       NO_POS,
					       NO_LIST,
					       .one_of = hash_keys};

/* ---- localityLbSetting ---- */

/* A mapping of localities to weights. */
static void decode_to(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct locality_distribute *d = out;

	if (node->kind != YAML_MAP) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a mapping, not %s",
			     yaml_describe(node));
		return;
	}
	d->to = arena_array(dec->arena, node->n, sizeof(*d->to));
	for (uint32_t i = 0; i < node->n; i++) {
		const struct yaml_entry *e = &node->entries[i];
		size_t before = field_path_push_key(&dec->path, e->key->text);
		int64_t weight = 0;

		decode_int(dec, e->value, 0, UINT32_MAX, &weight);
		d->to[d->n].locality = arena_strdup(dec->arena, e->key->text);
		d->to[d->n++].weight = (uint32_t)weight;
		field_path_pop(&dec->path, before);
	}
}

static const struct field distribute_fields[] = {
	{"from", FIELD_STRING, AT(locality_distribute, from)},
	{"to", FIELD_HOOK, NOT_KEPT, .decode = decode_to},
	{0},
};
static const struct message distribute = {.name = "Distribute",
					  .size = sizeof(struct locality_distribute),
					  .fields = distribute_fields,
					  NO_POS,
					  NO_LIST};

static const struct field failover_fields[] = {
	{"from", FIELD_STRING, AT(locality_failover, from)},
	{"to", FIELD_STRING, AT(locality_failover, to)},
	{0},
};
static const struct message failover = {.name = "Failover",
					.size = sizeof(struct locality_failover),
					.fields = failover_fields,
					NO_POS,
					NO_LIST};

static void decode_enabled(struct decoder *dec, const struct yaml_node *node, void *out)
{
	bool on = true;

	decode_bool(dec, node, &on);
	((struct locality_setting *)out)->off = !on;
}

static const struct field locality_fields[] = {
	{"enabled", FIELD_HOOK, NOT_KEPT, .decode = decode_enabled},
	{"distribute", FIELD_LIST, AT(locality_setting, distribute),
	 COUNT(locality_setting, n_distribute), .message = &distribute},
	{"failover", FIELD_LIST, AT(locality_setting, failover),
	 COUNT(locality_setting, n_failover), .message = &failover},
	{"failoverPriority", FIELD_STRINGS, AT(locality_setting, failover_priority)},
	{0},
};
static const struct message locality = {.name = "LocalityLoadBalancerSetting",
					.size = sizeof(struct locality_setting),
					.fields = locality_fields,
					NO_POS,
					NO_LIST};

/* ---- warmup ---- */

static const struct field warmup_fields[] = {
	{"duration", FIELD_DURATION, AT(warmup, duration_us)},
	{"minimumPercent", FIELD_NUMBER, FIELD_PRESENT, AT(warmup, minimum_percent),
	 COUNT(warmup, has_minimum)},
	{"aggression", FIELD_NUMBER, FIELD_PRESENT, AT(warmup, aggression),
	 COUNT(warmup, has_aggression)},
	{0},
};
static const struct message warmup = {.name = "WarmupConfiguration",
				      .size = sizeof(struct warmup),
				      .fields = warmup_fields,
				      NO_POS,
				      NO_LIST};

/* ---- the whole ---- */

static const struct enum_value simple_values[] = {
	{"UNSPECIFIED", 0, MODEL_LB_UNSPECIFIED, false},
	{"LEAST_CONN", 1, MODEL_LB_LEAST_REQUEST, true},
	{"RANDOM", 2, MODEL_LB_RANDOM, false},
	{"PASSTHROUGH", 3, MODEL_LB_PASSTHROUGH, false},
	{"ROUND_ROBIN", 4, MODEL_LB_ROUND_ROBIN, false},
	{"LEAST_REQUEST", 5, MODEL_LB_LEAST_REQUEST, false},
	{0},
};
static const struct field load_balancer_fields[] = {
	{"simple", FIELD_ENUM, AT(load_balancer, simple), .values = simple_values},
	{"consistentHash", FIELD_MESSAGE, AT(load_balancer, hash), .message = &consistent_hash},
	{"localityLbSetting", FIELD_MESSAGE, AT(load_balancer, locality), .message = &locality},
	{"zoneAwareLbSetting", FIELD_ANY, FIELD_REFUSED, NOT_KEPT},
	{"warmup", FIELD_MESSAGE, AT(load_balancer, warmup), .message = &warmup},
	{"warmupDurationSecs", FIELD_DURATION, AT(load_balancer, warmup_old_us),
	 .today = "write warmup: {duration: D}"},
	{0},
};
static const char *const load_balancer_kinds[] = {"simple", "consistentHash", NULL};
const struct message schema_load_balancer = {
	.name = "LoadBalancerSettings",
	.fields = load_balancer_fields,
	NO_POS,
	NO_LIST,
	.one_of = load_balancer_kinds,
};
