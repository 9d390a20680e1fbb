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

static const struct field gateway_fields[] = {
	{"weir.io/proxy-protocol", FIELD_BOOL, FIELD_QUOTED, AT(gateway, proxy_protocol)},
	{0},
};

#define ANNOTATIONS(kind, rows)                                                                    \
	{                                                                                          \
		.name = "A " kind, .fields = (rows), NO_POS, NO_LIST, .keyed = true                \
	}

const struct message annotations_virtual_service = ANNOTATIONS("VirtualService", no_fields);
const struct message annotations_destination_rule = ANNOTATIONS("DestinationRule", no_fields);
const struct message annotations_gateway = ANNOTATIONS("Gateway", gateway_fields);
const struct message annotations_service_entry = ANNOTATIONS("ServiceEntry", no_fields);
const struct message annotations_service = ANNOTATIONS("Service", no_fields);
const struct message annotations_none = ANNOTATIONS("kind like this", no_fields);
