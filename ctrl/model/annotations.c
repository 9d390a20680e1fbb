/* annotations.c - weir's own settings on other people's kinds: "weir.io/..." in
 * metadata.annotations, read by tables like any field. */
#include <model/schema.h>

#include <string.h>

/* The annotations of ours among all those of an object. */
static struct yaml_node own_entries(struct decoder *dec, const struct yaml_node *all)
{
	struct yaml_node own = {.kind = YAML_MAP, .pos = all->pos};
	struct yaml_entry *entries = arena_array(dec->arena, all->n, sizeof(*entries));

	for (uint32_t i = 0; i < all->n; i++) {
		const struct yaml_entry *e = &all->entries[i];

		if (strncmp(e->key->text, ANNOTATION_PREFIX, strlen(ANNOTATION_PREFIX)) == 0)
			entries[own.n++] = *e;
	}
	own.entries = entries;
	return own;
}

void decode_annotations(struct decoder *dec, const struct message *m, const struct yaml_node *node,
			void *spec)
{
	const struct yaml_node *all = yaml_get(yaml_get(node, "metadata"), "annotations");
	struct yaml_node own = {.kind = YAML_MAP};
	size_t before = field_path_push(&dec->path, "metadata.annotations");

	if (all && all->kind == YAML_MAP)
		own = own_entries(dec, all);
	decode_message(dec, m, &own, spec);
	field_path_pop(&dec->path, before);
}

/* ---- what each kind knows: rows are named in full, and stored in its spec ---- */

static const struct field no_fields[] = {{0}};

static const struct field virtual_service_rows[] = {
	{"weir.io/rate-limit", FIELD_HOOK, NOT_KEPT, .decode = decode_rule_rates},
	{0},
};

static const struct field destination_rule_rows[] = {
	{"weir.io/hash-balance-factor", FIELD_UINT32, FIELD_QUOTED,
	 AT(destination_rule, hash_balance_factor), RANGE(100, 1000000)},
	{0},
};

static const struct field gateway_rows[] = {
	{"weir.io/max-connections", FIELD_UINT32, FIELD_QUOTED, AT(gateway, max_connections),
	 RANGE(1, 100000000)},
	{"weir.io/proxy-protocol", FIELD_BOOL, FIELD_QUOTED, AT(gateway, proxy_protocol)},
	{"weir.io/rate-limit", FIELD_HOOK, NOT_KEPT, .decode = decode_gateway_rate},
	{0},
};

#define ANNOTATIONS(kind, rows)                                                                    \
	{                                                                                          \
		.name = "A " kind, .fields = (rows), NO_POS, NO_LIST, .keyed = true                \
	}

/* Of health checks, stored in member check of struct s. */
/* clang-format off */
#define HEALTH_CHECK_ROWS(s)                                                                       \
	{"weir.io/health-check", FIELD_ENUM, FIELD_NAMES_ONLY, AT(s, check.kind),                  \
	 .values = schema_check_kinds},                                                            \
	{"weir.io/health-check-path", FIELD_STRING, AT(s, check.path), .initial = "/"},            \
	{"weir.io/health-check-host", FIELD_STRING, AT(s, check.host)},                            \
	{"weir.io/health-check-port", FIELD_UINT32, FIELD_QUOTED, AT(s, check.port),               \
	 RANGE(1, 65535)},                                                                         \
	{"weir.io/health-check-interval", FIELD_DURATION, AT(s, check.interval_us),                \
	 .initial = "10s"},                                                                        \
	{"weir.io/health-check-timeout", FIELD_DURATION, AT(s, check.timeout_us),                  \
	 .initial = "1s"},                                                                         \
	{"weir.io/health-check-healthy-threshold", FIELD_UINT32, FIELD_QUOTED,                     \
	 AT(s, check.healthy_threshold), RANGE(1, UINT32_MAX), .initial = "2"},                    \
	{"weir.io/health-check-unhealthy-threshold", FIELD_UINT32, FIELD_QUOTED,                   \
	 AT(s, check.unhealthy_threshold), RANGE(1, UINT32_MAX), .initial = "3"},                  \
	{"weir.io/health-check-expected-statuses", FIELD_STRING, AT(s, check.statuses),            \
	 .initial = "200-399"},
/* clang-format on */

static const struct field service_entry_rows[] = {HEALTH_CHECK_ROWS(service_entry){0}};
static const struct field service_rows[] = {HEALTH_CHECK_ROWS(service){0}};

const struct message annotations_virtual_service =
	ANNOTATIONS("VirtualService", virtual_service_rows);
const struct message annotations_destination_rule =
	ANNOTATIONS("DestinationRule", destination_rule_rows);
const struct message annotations_gateway = ANNOTATIONS("Gateway", gateway_rows);
const struct message annotations_service_entry = ANNOTATIONS("ServiceEntry", service_entry_rows);
const struct message annotations_service = ANNOTATIONS("Service", service_rows);
const struct message annotations_none = ANNOTATIONS("kind like this", no_fields);
