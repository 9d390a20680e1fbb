/* schema.h - the tables of all kinds, and pieces that several of them share. */
#pragma once
#include <model/fields.h>

/* One kind's decoding. */
struct schema {
	const struct message *message;
	bool whole; /* message describes the whole document, not only its spec */
	const struct message *annotations;
};

extern const struct message schema_virtual_service;
extern const struct message schema_destination_rule;
extern const struct message schema_gateway;
extern const struct message schema_service_entry;
extern const struct message schema_workload_entry;
extern const struct message schema_workload_group;
extern const struct message schema_service;
extern const struct message schema_pod;
extern const struct message schema_endpoints;
extern const struct message schema_endpoint_slice;

/* weir's own annotations start with this; those that a kind does not know are errors. Their
 * messages are keyed, and their rows store in the kind's spec. */
#define ANNOTATION_PREFIX "weir.io/"

extern const struct message annotations_virtual_service;
extern const struct message annotations_destination_rule;
extern const struct message annotations_gateway;
extern const struct message annotations_service_entry;
extern const struct message annotations_service;
extern const struct message annotations_none;

/* Decodes those of the object `node`; its absent ones get their initial values. */
void decode_annotations(struct decoder *dec, const struct message *m, const struct yaml_node *node,
			void *spec);

/* weir.io/rate-limit, into out->rates of a VirtualService or Gateway. */
void decode_rule_rates(struct decoder *dec, const struct yaml_node *node, void *out);
void decode_gateway_rate(struct decoder *dec, const struct yaml_node *node, void *out);
/* weir.io/health-check: enum check_settings_kind. */
extern const struct enum_value schema_check_kinds[];

/* trafficPolicy.loadBalancer, into a struct load_balancer. */
extern const struct message schema_load_balancer;

/* Port protocols as ServiceEntry and Gateway write them. */
extern const struct enum_value schema_protocols[];

/* The protocol that a Kubernetes port's appProtocol or name stands for. */
enum port_protocol schema_protocol_of_name(const char *name);
