/* fields_service_entry.c - the tables of ServiceEntry and WorkloadEntry (reference 5, 6). */
#include <model/schema.h>

static const struct field port_fields[] = {
	{"number", FIELD_UINT32, AT(service_port, number), RANGE(1, 65535)},
	{"name", FIELD_STRING, AT(service_port, name)},
	{"protocol", FIELD_ENUM, FIELD_ANY_CASE | FIELD_NAMES_ONLY, AT(service_port, protocol),
	 .values = schema_protocols},
	{"targetPort", FIELD_UINT32, AT(service_port, target_port), RANGE(0, 65535)},
	{0},
};
static const struct message port = KEPT("ServicePort", service_port, port_fields);

static void decode_address(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct workload_entry *we = out;

	we->address_pos = decode_pos(dec, node);
	decode_string(dec, node, &we->address);
}

static void decode_named_ports(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct workload_entry *we = out;
	uint32_t i;

	if (node->kind != YAML_MAP) {
		decode_error(dec, DIAG_WRONG_TYPE, node,
			     "must be a mapping of port names to numbers, not %s",
			     yaml_describe(node));
		return;
	}
	we->ports = arena_array(dec->arena, node->n, sizeof(*we->ports));
	for (i = 0; i < node->n; i++) {
		const struct yaml_entry *e = &node->entries[i];
		size_t before = field_path_push_key(&dec->path, e->key->text);
		int64_t number;

		if (decode_int(dec, e->value, 1, 65535, &number)) {
			we->ports[we->n_ports].name = arena_strdup(dec->arena, e->key->text);
			we->ports[we->n_ports++].number = (uint32_t)number;
		}
		field_path_pop(&dec->path, before);
	}
}

static const struct field workload_entry_fields[] = {
	{"address", FIELD_HOOK, NOT_KEPT, .decode = decode_address},
	{"ports", FIELD_HOOK, NOT_KEPT, .decode = decode_named_ports},
	{"labels", FIELD_LABELS, AT(workload_entry, labels)},
	{"network", FIELD_STRING, AT(workload_entry, network)},
	{"locality", FIELD_STRING, AT(workload_entry, locality)},
	{"weight", FIELD_UINT32, AT(workload_entry, weight), RANGE(0, UINT32_MAX)},
	{"serviceAccount", FIELD_STRING, AT(workload_entry, service_account)},
	{0},
};
const struct message schema_workload_entry =
	KEPT("WorkloadEntry", workload_entry, workload_entry_fields);

static const struct enum_value location_values[] = {
	{"MESH_EXTERNAL", 0, false, false},
	{"MESH_INTERNAL", 1, true, false},
	{0},
};

static void decode_location(struct decoder *dec, const struct yaml_node *node, void *out)
{
	static const struct field row = {"location", FIELD_ENUM, .values = location_values};
	struct service_entry *se = out;
	int internal = 0;

	if (decode_enum(dec, node, &row, &internal))
		se->mesh_internal = internal;
}

static const struct enum_value resolution_values[] = {
	{"NONE", 0, RES_NONE, false},
	{"STATIC", 1, RES_STATIC, false},
	{"DNS", 2, RES_DNS, false},
	{"DNS_ROUND_ROBIN", 3, RES_DNS_ROUND_ROBIN, false},
	{"DYNAMIC_DNS", 4, RES_DYNAMIC_DNS, false},
	{0},
};

static const struct field selector_fields[] = {
	{"labels", FIELD_LABELS, AT(service_entry, selector)},
	{0},
};
static const struct message selector = {
	.name = "WorkloadSelector", .fields = selector_fields, NO_POS, NO_LIST};

static const struct field service_entry_fields[] = {
	{"hosts", FIELD_STRINGS, AT(service_entry, hosts)},
	{"addresses", FIELD_STRINGS, AT(service_entry, addresses)},
	{"ports", FIELD_LIST, AT(service_entry, ports), COUNT(service_entry, n_ports),
	 .message = &port},
	{"location", FIELD_HOOK, NOT_KEPT, .decode = decode_location},
	{"resolution", FIELD_ENUM, AT(service_entry, resolution), .values = resolution_values},
	{"endpoints", FIELD_LIST, AT(service_entry, endpoints), COUNT(service_entry, n_endpoints),
	 .message = &schema_workload_entry},
	{"workloadSelector", FIELD_INLINE, FIELD_PRESENT, COUNT(service_entry, has_selector),
	 .message = &selector},
	{"exportTo", FIELD_STRINGS, AT(service_entry, export_to)},
	{"subjectAltNames", FIELD_STRINGS, FIELD_NO_EFFECT, NOT_KEPT},
	{0},
};
const struct message schema_service_entry = {
	.name = "ServiceEntry",
	.size = sizeof(struct service_entry),
	.fields = service_entry_fields,
	NO_POS,
	NO_LIST,
};
