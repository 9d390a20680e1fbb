/* decode.c - documents to resources: the envelope, kinds, lists of objects. */
#include <model/model.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <common/nearest.h>
#include <model/schema.h>

static const struct schema schemas[KIND_COUNT] = {
	[KIND_VIRTUAL_SERVICE] = {&schema_virtual_service, false, &annotations_virtual_service},
	[KIND_DESTINATION_RULE] = {&schema_destination_rule, false, &annotations_destination_rule},
	[KIND_GATEWAY] = {&schema_gateway, false, &annotations_gateway},
	[KIND_SERVICE_ENTRY] = {&schema_service_entry, false, &annotations_service_entry},
	[KIND_WORKLOAD_ENTRY] = {&schema_workload_entry, false, &annotations_none},
	[KIND_WORKLOAD_GROUP] = {&schema_workload_group, false, &annotations_none},
	[KIND_SERVICE] = {&schema_service, true, &annotations_service},
	[KIND_POD] = {&schema_pod, true, &annotations_none},
	[KIND_ENDPOINTS] = {&schema_endpoints, true, &annotations_none},
	[KIND_ENDPOINT_SLICE] = {&schema_endpoint_slice, true, &annotations_none},
};

static const struct {
	const char *kind, *group;
} kinds[KIND_COUNT] = {
#define X(id, kind, name, group) [KIND_##id] = {kind, group},
	RESOURCE_KINDS(X)
#undef X
};

/* Versions of networking.istio.io: one schema under three names. The core kinds exist in
 * v1 only as far as we read them; EndpointSlice was v1beta1 before. */
static const char *const istio_versions[] = {"v1alpha3", "v1beta1", "v1", NULL};
static const char *const core_versions[] = {"v1", "v1beta1", NULL};

static bool is_istio(enum resource_kind kind)
{
	return !schemas[kind].whole;
}

static bool has_version(enum resource_kind kind, const char *version)
{
	const char *const *v = is_istio(kind) ? istio_versions : core_versions;

	for (; *v; v++)
		if (strcmp(*v, version) == 0)
			return true;
	return false;
}

/* apiVersion is "group/version", or "version" for the core group. */
static bool find_kind(const char *api_version, const char *kind, enum resource_kind *out)
{
	const char *slash = strchr(api_version, '/');
	size_t group_len = slash ? (size_t)(slash - api_version) : 0;
	const char *version = slash ? slash + 1 : api_version;
	unsigned i;

	for (i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].kind, kind) == 0 && strlen(kinds[i].group) == group_len &&
		    strncmp(kinds[i].group, api_version, group_len) == 0 &&
		    has_version((enum resource_kind)i, version)) {
			*out = (enum resource_kind)i;
			return true;
		}
	return false;
}

/* ---- metadata ---- */

/* Seconds since the epoch of an RFC 3339 time; -1 when it is none. */
static int64_t parse_time(const char *s)
{
	struct tm tm = {0};
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	int hours, minutes, n = 0;
	int64_t offset = 0;

	if (!end)
		return -1;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0 && strcmp(end, "z") != 0) {
		if ((*end != '+' && *end != '-') ||
		    sscanf(end + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 || end[1 + n] ||
		    hours < 0 || minutes < 0)
			return -1;
		offset = (*end == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	}
	return timegm(&tm) - offset;
}

static void decode_creation_time(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct resource *r = out;
	const char *text;

	if (!decode_string(dec, node, &text))
		return;
	r->creation_time = parse_time(text);
	if (r->creation_time < 0) {
		r->creation_time = 0;
		decode_error(dec, DIAG_TIMESTAMP, node,
			     "\"%s\" is no time such as 2024-05-01T12:00:00Z", text);
	}
}

static const struct field metadata_fields[] = {
	{"name", FIELD_STRING, AT(resource, name)},
	{"namespace", FIELD_STRING, AT(resource, ns)},
	{"labels", FIELD_LABELS, AT(resource, labels)},
	{"annotations", FIELD_LABELS, AT(resource, annotations)},
	{"creationTimestamp", FIELD_HOOK, NOT_KEPT, .decode = decode_creation_time},
	{0},
};
static const struct message metadata = {
	.name = "ObjectMeta", .fields = metadata_fields, NO_POS, NO_LIST, .lenient = true};

static const struct field envelope_fields[] = {
	{"apiVersion", FIELD_STRING, AT(resource, api_version)},
	{"kind", FIELD_ANY, NOT_KEPT},
	{"metadata", FIELD_INLINE, .message = &metadata},
	{"spec", FIELD_ANY, NOT_KEPT},
	{"status", FIELD_ANY, NOT_KEPT},
	{0},
};
static const struct message envelope = {
	.name = "The object", .fields = envelope_fields, NO_POS, NO_LIST};
static const struct message core_envelope = {
	.name = "The object", .fields = envelope_fields, NO_POS, NO_LIST, .lenient = true};

/* ---- one object ---- */

/* What one call of model_decode() works on. */
struct reading {
	const char *file;
	struct resource_set *out;
	struct diags *d;
};

/* The text of metadata.KEY for messages, before anything was decoded. */
static const char *peek(const struct yaml_node *node, const char *key, const char *otherwise)
{
	const struct yaml_node *value = yaml_get(yaml_get(node, "metadata"), key);

	return value && value->kind == YAML_SCALAR && *value->text ? value->text : otherwise;
}

/* metadata.labels of a WorkloadEntry win over those of its spec (reference 6.1). */
static void overlay_labels(struct resource *r)
{
	struct workload_entry *we = r->we;
	struct label *items;
	uint32_t i = 0, j = 0, n = 0;

	items = arena_array(r->arena, (size_t)r->labels.n + we->labels.n, sizeof(*items));
	while (i < r->labels.n || j < we->labels.n) {
		int order = i == r->labels.n ? 1
			    : j == we->labels.n
				    ? -1
				    : strcmp(r->labels.items[i].key, we->labels.items[j].key);

		items[n++] = order <= 0 ? r->labels.items[i] : we->labels.items[j];
		i += order <= 0;
		j += order >= 0;
	}
	we->labels.items = items;
	we->labels.n = n;
}

/* Endpoints carry their Service's name, EndpointSlices name it in a label. */
static void name_service(struct resource *r)
{
	uint32_t i;

	if (r->kind == KIND_ENDPOINT_SLICE)
		r->eps->service = labels_get(&r->labels, "kubernetes.io/service-name");
	for (i = 0; r->kind == KIND_ENDPOINTS && i < r->ep->n_subsets; i++)
		r->ep->subsets[i].service = r->name;
}

static int compare_places(const void *a, const void *b)
{
	const struct field_place *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void decode_spec(struct decoder *dec, struct resource *r, const struct yaml_node *node)
{
	const struct schema *s = &schemas[r->kind];
	const struct yaml_node *spec = s->whole ? node : yaml_get(node, "spec");
	size_t before = dec->path.len;

	r->spec = arena_alloc(r->arena, s->message->size);
	if (r->kind == KIND_POD)
		r->pod->ready = true; /* until its status says otherwise */
	if (yaml_is_null(spec))
		return; /* validation says what is missing */
	if (!s->whole)
		field_path_push(&dec->path, "spec");
	decode_message(dec, s->message, spec, r->spec);
	field_path_pop(&dec->path, before);
}

static void finish(struct resource *r, const struct decoder *dec)
{
	if (!r->name)
		r->name = "";
	if (!r->ns || !*r->ns)
		r->ns = "default";
	r->unsupported = dec->unsupported;
	if (r->places.n > 1)
		qsort(r->places.items, r->places.n, sizeof(*r->places.items), compare_places);
	if (r->kind == KIND_WORKLOAD_ENTRY)
		overlay_labels(r);
	name_service(r);
}

static void decode_object(struct reading *rd, const struct yaml_node *node, enum resource_kind kind)
{
	struct arena *arena = arena_create();
	struct resource *r = arena_alloc(arena, sizeof(*r));
	size_t errors = rd->d->errors;
	struct decoder dec = {
		.arena = arena,
		.d = rd->d,
		.file = arena_strdup(arena, rd->file),
		.resource = arena_printf(arena, "%s %s/%s", resource_kind_name(kind),
					 peek(node, "namespace", "default"),
					 peek(node, "name", "(no name)")),
		.places = &r->places,
	};

	r->arena = arena;
	r->kind = kind;
	r->pos = decode_pos(&dec, node);
	r->hash = yaml_hash(node);
	field_path_init(&dec.path);
	decode_message(&dec, is_istio(kind) ? &envelope : &core_envelope, node, r);
	decode_spec(&dec, r, node);
	decode_annotations(&dec, schemas[kind].annotations, node, r->spec);
	if (rd->d->errors != errors) {
		resource_put(r);
		return;
	}
	finish(r, &dec);
	resource_set_add(rd->out, r);
}

/* ---- documents ---- */

static struct pos node_pos(const struct reading *rd, const struct yaml_node *node)
{
	return (struct pos){rd->file, node->pos.line, node->pos.col};
}

/* One warning per kind, however many objects and files have it. */
static void skip_kind(struct reading *rd, const struct yaml_node *node, const char *api_version,
		      const char *kind)
{
	const char *code = diag_rule(DIAG_UNKNOWN_KIND)->code, *near = NULL;
	unsigned i;
	size_t k;
	char name[160];

	snprintf(name, sizeof(name), "%s %s", kind, api_version);
	for (k = 0; k < rd->d->n; k++)
		if (strcmp(rd->d->items[k].code, code) == 0 &&
		    strcmp(rd->d->items[k].resource, name) == 0)
			return;
	for (i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].kind, kind) != 0)
			near = nearest_pick(kind, near, kinds[i].kind);
	diag_report(rd->d, DIAG_UNKNOWN_KIND, node_pos(rd, node), name, "kind",
		    "this version of weir does not know this kind, objects of it are skipped"
		    "%s%s%s",
		    near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static const char *required_text(struct reading *rd, const struct yaml_node *node, const char *key)
{
	const struct yaml_node *value = yaml_get(node, key);

	if (value && value->kind == YAML_SCALAR && !yaml_is_null(value) && *value->text)
		return value->text;
	diag_report(rd->d, DIAG_NOT_AN_OBJECT, node_pos(rd, value ? value : node), "", key,
		    "every object needs %s", key);
	return NULL;
}

static void decode_document(struct reading *rd, const struct yaml_node *node, bool in_list);

static void decode_items(struct reading *rd, const struct yaml_node *node)
{
	const struct yaml_node *items = yaml_get(node, "items");
	uint32_t i;

	if (yaml_is_null(items))
		return;
	if (items->kind != YAML_SEQ) {
		diag_report(rd->d, DIAG_WRONG_TYPE, node_pos(rd, items), "", "items",
			    "must be a list, not %s", yaml_describe(items));
		return;
	}
	for (i = 0; i < items->n; i++)
		decode_document(rd, items->items[i], true);
}

static bool is_list_kind(const char *kind)
{
	size_t len = strlen(kind);

	return len >= 4 && strcmp(kind + len - 4, "List") == 0;
}

static void decode_document(struct reading *rd, const struct yaml_node *node, bool in_list)
{
	const char *kind, *api_version;
	enum resource_kind known;

	if (node->kind != YAML_MAP) {
		diag_report(rd->d, DIAG_NOT_AN_OBJECT, node_pos(rd, node), "", "",
			    "an object with apiVersion and kind is expected here, not %s",
			    yaml_describe(node));
		return;
	}
	kind = required_text(rd, node, "kind");
	api_version = required_text(rd, node, "apiVersion");
	if (!kind || !api_version)
		return;
	if (!in_list && is_list_kind(kind))
		decode_items(rd, node);
	else if (find_kind(api_version, kind, &known))
		decode_object(rd, node, known);
	else
		skip_kind(rd, node, api_version, kind);
}

void model_decode(const char *file, const char *text, size_t len, struct resource_set *out,
		  struct diags *d)
{
	model_decode_part(file, text, len, (struct text_start){.line = 1}, out, d);
}

void model_decode_part(const char *file, const char *text, size_t len, struct text_start start,
		       struct resource_set *out, struct diags *d)
{
	struct reading rd = {.file = file, .out = out, .d = d};
	struct yaml_reader *reader = yaml_reader_create(file, text, len);
	enum yaml_result result;

	yaml_reader_set_start(reader, start);
	do {
		struct arena *a = arena_create(); /* the tree; the resource has its own */
		struct yaml_node *root;

		result = yaml_reader_next(reader, a, d, &root);
		if (root && result == YAML_DOCUMENT)
			decode_document(&rd, root, false);
		arena_destroy(a);
	} while (result == YAML_DOCUMENT);
	yaml_reader_destroy(reader);
}
