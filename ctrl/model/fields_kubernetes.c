/* fields_kubernetes.c - the parts of Kubernetes' own objects that a registry is made of.
 *
 * These objects are written by other controllers: fields that are not listed are ignored. */
#include <model/schema.h>

#include <string.h>
#include <strings.h>

#define CORE(n, s, rows)                                                                           \
	{                                                                                          \
		.name = (n), .size = sizeof(struct s), .fields = (rows), NO_POS, NO_LIST,          \
		.lenient = true                                                                    \
	}
#define CORE_PART(n, rows)                                                                         \
	{                                                                                          \
		.name = (n), .fields = (rows), NO_POS, NO_LIST, .lenient = true                    \
	}

/* ---- ports ---- */

static enum port_protocol find_protocol(const char *name, size_t len)
{
	const struct enum_value *v;

	for (v = schema_protocols; v->name; v++)
		if (strlen(v->name) == len && strncasecmp(v->name, name, len) == 0)
			return (enum port_protocol)v->stored;
	return PROTO_UNSET;
}

enum port_protocol schema_protocol_of_name(const char *name)
{
	static const char grpc_web[] = "grpc-web";
	const size_t web_len = sizeof(grpc_web) - 1;

	if (!name)
		return PROTO_UNSET;
	if (strcmp(name, "kubernetes.io/h2c") == 0)
		return PROTO_HTTP2;
	if (strcmp(name, "kubernetes.io/ws") == 0)
		return PROTO_HTTP;
	if (strcmp(name, "kubernetes.io/wss") == 0)
		return PROTO_HTTPS;
	/* The only protocol whose name has the dash that ends the others. */
	if (strncasecmp(name, grpc_web, web_len) == 0 && (!name[web_len] || name[web_len] == '-'))
		return PROTO_GRPC_WEB;
	return find_protocol(name, strcspn(name, "-"));
}

/* A port of a Service as written. */
struct written_port {
	struct service_port port;
	const char *transport, *app_protocol;
};

/* IntOrString */
static void decode_target_port(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct written_port *p = out;
	int64_t number;

	if (node->quoted || !yaml_is_number(node))
		decode_string(dec, node, &p->port.target_port_name);
	else if (decode_int(dec, node, 0, 65535, &number))
		p->port.target_port = (uint32_t)number;
}

static const struct field service_port_fields[] = {
	{"port", FIELD_UINT32, AT(written_port, port.number), RANGE(1, 65535)},
	{"name", FIELD_STRING, AT(written_port, port.name)},
	{"protocol", FIELD_STRING, AT(written_port, transport)},
	{"appProtocol", FIELD_STRING, AT(written_port, app_protocol)},
	{"targetPort", FIELD_HOOK, NOT_KEPT, .decode = decode_target_port},
	{0},
};
static const struct message written_port = {
	.name = "ServicePort",
	.size = sizeof(struct written_port),
	.fields = service_port_fields,
	.pos = offsetof(struct written_port, port.pos),
	NO_LIST,
	.lenient = true,
};

static void decode_service_ports(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct service *svc = out;
	struct written_port *written = NULL;
	uint32_t i;

	decode_list(dec, &written_port, node, (void **)&written, &svc->n_ports);
	svc->ports = arena_array(dec->arena, svc->n_ports, sizeof(*svc->ports));
	for (i = 0; i < svc->n_ports; i++) {
		const struct written_port *w = &written[i];
		struct service_port *p = &svc->ports[i];

		*p = w->port;
		if (w->transport && strcmp(w->transport, "UDP") == 0)
			p->protocol = PROTO_UDP;
		else
			p->protocol = schema_protocol_of_name(w->app_protocol ? w->app_protocol
									      : w->port.name);
	}
}

/* ---- Service ---- */

static void add_cluster_ip(struct decoder *dec, struct service *svc, const char *ip,
			   const struct yaml_node *node)
{
	uint32_t i;

	if (!*ip || strcmp(ip, "None") == 0)
		return;
	for (i = 0; i < svc->cluster_ips.n; i++)
		if (strcmp(svc->cluster_ips.items[i], ip) == 0)
			return;
	string_list_add(dec->arena, &svc->cluster_ips, ip, decode_pos(dec, node));
}

static void decode_cluster_ip(struct decoder *dec, const struct yaml_node *node, void *out)
{
	const char *ip;

	if (decode_string(dec, node, &ip))
		add_cluster_ip(dec, out, ip, node);
}

static void decode_cluster_ips(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct string_list ips = {0};
	uint32_t i;

	decode_strings(dec, node, &ips);
	for (i = 0; i < ips.n; i++)
		add_cluster_ip(dec, out, ips.items[i], node);
}

static const struct field service_spec_fields[] = {
	{"clusterIP", FIELD_HOOK, NOT_KEPT, .decode = decode_cluster_ip},
	{"clusterIPs", FIELD_HOOK, NOT_KEPT, .decode = decode_cluster_ips},
	{"type", FIELD_STRING, AT(service, type)},
	{"externalName", FIELD_STRING, AT(service, external_name)},
	{"ports", FIELD_HOOK, NOT_KEPT, .decode = decode_service_ports},
	{"selector", FIELD_LABELS, FIELD_PRESENT, AT(service, selector),
	 COUNT(service, has_selector)},
	{0},
};
static const struct message service_spec = CORE_PART("ServiceSpec", service_spec_fields);

static const struct field service_fields[] = {
	{"spec", FIELD_INLINE, .message = &service_spec},
	{0},
};
const struct message schema_service = CORE("Service", service, service_fields);

/* ---- EndpointSlice ---- */

static const struct field target_ref_fields[] = {
	{"kind", FIELD_STRING, AT(slice_endpoint, target_kind)},
	{"name", FIELD_STRING, AT(slice_endpoint, target_name)},
	{"namespace", FIELD_STRING, AT(slice_endpoint, target_namespace)},
	{0},
};
static const struct message target_ref = CORE_PART("ObjectReference", target_ref_fields);

static const struct field conditions_fields[] = {
	{"ready", FIELD_BOOL, AT(slice_endpoint, ready), .initial = "true"},
	{0},
};
static const struct message conditions = CORE_PART("EndpointConditions", conditions_fields);

static const struct field slice_endpoint_fields[] = {
	{"addresses", FIELD_STRINGS, AT(slice_endpoint, addresses)},
	{"conditions", FIELD_INLINE, .message = &conditions},
	{"targetRef", FIELD_INLINE, .message = &target_ref},
	{"zone", FIELD_STRING, AT(slice_endpoint, zone)},
	{0},
};
static const struct message slice_endpoint =
	CORE("Endpoint", slice_endpoint, slice_endpoint_fields);

static const struct field slice_port_fields[] = {
	{"name", FIELD_STRING, AT(slice_port, name)},
	{"port", FIELD_UINT32, AT(slice_port, port), RANGE(1, 65535)},
	{0},
};
static const struct message slice_port = CORE("EndpointPort", slice_port, slice_port_fields);

static const struct field endpoint_slice_fields[] = {
	{"endpoints", FIELD_LIST, AT(endpoint_slice, endpoints), COUNT(endpoint_slice, n_endpoints),
	 .message = &slice_endpoint},
	{"ports", FIELD_LIST, AT(endpoint_slice, ports), COUNT(endpoint_slice, n_ports),
	 .message = &slice_port},
	{0},
};
const struct message schema_endpoint_slice =
	CORE("EndpointSlice", endpoint_slice, endpoint_slice_fields);

/* ---- Endpoints: each subset becomes a slice ---- */

struct written_address {
	const char *ip;
	struct slice_endpoint endpoint; /* its targetRef */
	struct pos pos;
};

static const struct field address_fields[] = {
	{"ip", FIELD_STRING, AT(written_address, ip)},
	{"targetRef", FIELD_INLINE, AT(written_address, endpoint), .message = &target_ref},
	{0},
};
static const struct message written_address = {
	.name = "EndpointAddress",
	.size = sizeof(struct written_address),
	.fields = address_fields,
	MESSAGE_POS(written_address),
	NO_LIST,
	.lenient = true,
};

struct written_subset {
	uint32_t n_ready, n_not_ready, n_ports;
	struct written_address *ready, *not_ready;
	struct slice_port *ports;
};

static const struct field subset_fields[] = {
	{"addresses", FIELD_LIST, AT(written_subset, ready), COUNT(written_subset, n_ready),
	 .message = &written_address},
	{"notReadyAddresses", FIELD_LIST, AT(written_subset, not_ready),
	 COUNT(written_subset, n_not_ready), .message = &written_address},
	{"ports", FIELD_LIST, AT(written_subset, ports), COUNT(written_subset, n_ports),
	 .message = &slice_port},
	{0},
};
static const struct message written_subset = CORE("EndpointSubset", written_subset, subset_fields);

static void add_addresses(struct decoder *dec, struct endpoint_slice *slice,
			  const struct written_address *addresses, uint32_t n, bool ready)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct slice_endpoint *e = &slice->endpoints[slice->n_endpoints];

		if (!addresses[i].ip)
			continue;
		*e = addresses[i].endpoint;
		e->ready = ready;
		string_list_add(dec->arena, &e->addresses, addresses[i].ip, addresses[i].pos);
		slice->n_endpoints++;
	}
}

static void decode_subsets(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct endpoints *ep = out;
	struct written_subset *written = NULL;
	uint32_t i;

	decode_list(dec, &written_subset, node, (void **)&written, &ep->n_subsets);
	ep->subsets = arena_array(dec->arena, ep->n_subsets, sizeof(*ep->subsets));
	for (i = 0; i < ep->n_subsets; i++) {
		const struct written_subset *w = &written[i];
		struct endpoint_slice *slice = &ep->subsets[i];

		slice->ports = w->ports;
		slice->n_ports = w->n_ports;
		slice->endpoints = arena_array(dec->arena, (size_t)w->n_ready + w->n_not_ready,
					       sizeof(*slice->endpoints));
		add_addresses(dec, slice, w->ready, w->n_ready, true);
		add_addresses(dec, slice, w->not_ready, w->n_not_ready, false);
	}
}

static const struct field endpoints_fields[] = {
	{"subsets", FIELD_HOOK, NOT_KEPT, .decode = decode_subsets},
	{0},
};
const struct message schema_endpoints = CORE("Endpoints", endpoints, endpoints_fields);

/* ---- Pod ---- */

static const struct field pod_port_fields[] = {
	{"name", FIELD_STRING, AT(pod_port, name)},
	{"containerPort", FIELD_UINT32, AT(pod_port, port), RANGE(1, 65535)},
	{0},
};
static const struct message pod_port = CORE("ContainerPort", pod_port, pod_port_fields);

struct written_container {
	uint32_t n_ports;
	struct pod_port *ports;
};

static const struct field container_fields[] = {
	{"ports", FIELD_LIST, AT(written_container, ports), COUNT(written_container, n_ports),
	 .message = &pod_port},
	{0},
};
static const struct message written_container =
	CORE("Container", written_container, container_fields);

static void decode_containers(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct pod *pod = out;
	struct written_container *written = NULL;
	uint32_t i, n = 0, total = 0;

	decode_list(dec, &written_container, node, (void **)&written, &n);
	for (i = 0; i < n; i++)
		total += written[i].n_ports;
	pod->ports = arena_array(dec->arena, total, sizeof(*pod->ports));
	for (i = 0; i < n; i++) {
		if (written[i].n_ports)
			memcpy(pod->ports + pod->n_ports, written[i].ports,
			       written[i].n_ports * sizeof(*pod->ports));
		pod->n_ports += written[i].n_ports;
	}
}

static const struct field pod_spec_fields[] = {
	{"containers", FIELD_HOOK, NOT_KEPT, .decode = decode_containers},
	{0},
};
static const struct message pod_spec = CORE_PART("PodSpec", pod_spec_fields);

static void decode_phase(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct pod *pod = out;
	const char *phase;

	if (decode_string(dec, node, &phase) && strcmp(phase, "Running") != 0)
		pod->ready = false;
}

/* The condition Ready decides; anything but "True" is not ready. */
static void decode_pod_conditions(struct decoder *dec, const struct yaml_node *node, void *out)
{
	struct pod *pod = out;
	uint32_t i;

	if (node->kind != YAML_SEQ) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a list, not %s",
			     yaml_describe(node));
		return;
	}
	for (i = 0; i < node->n; i++) {
		const struct yaml_node *type = yaml_get(node->items[i], "type");
		const struct yaml_node *status = yaml_get(node->items[i], "status");

		if (type && type->kind == YAML_SCALAR && strcmp(type->text, "Ready") == 0 &&
		    !(status && status->kind == YAML_SCALAR && strcmp(status->text, "True") == 0))
			pod->ready = false;
	}
}

static const struct field pod_status_fields[] = {
	{"podIP", FIELD_STRING, AT(pod, ip)},
	{"phase", FIELD_HOOK, NOT_KEPT, .decode = decode_phase},
	{"conditions", FIELD_HOOK, NOT_KEPT, .decode = decode_pod_conditions},
	{0},
};
static const struct message pod_status = CORE_PART("PodStatus", pod_status_fields);

static const struct field pod_fields[] = {
	{"spec", FIELD_INLINE, .message = &pod_spec},
	{"status", FIELD_INLINE, .message = &pod_status},
	{0},
};
const struct message schema_pod = CORE("Pod", pod, pod_fields);
