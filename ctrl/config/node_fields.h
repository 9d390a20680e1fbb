/* node_fields.h - the node configuration as written, before it is put together. */
#pragma once
#include <config/node.h>
#include <model/fields.h>

struct written_route {
	const char *to, *via;
	struct pos pos;
};

struct written_bond {
	int mode, hash;
	bool has_hash;
	uint64_t link_interval_us;
	struct string_list devices;
	struct pos pos;
};

struct written_interface {
	const char *name, *device;
	bool has_bond;
	struct written_bond bond;
	uint16_t mtu, vlan;
	int punt, echo;
	bool has_punt_rate;
	uint32_t punt_rate;
	uint16_t dad_transmits;
	bool has_dad_transmits, router_solicitation;
	struct string_list addresses;
	uint32_t n_routes;
	struct written_route *routes;
	struct pos pos;
};

struct written_source {
	const char *directory, *kubeconfig;
	bool is_kubernetes;
	struct pos pos;
};

/* cfg comes first: rows that need nothing more write straight into it. */
struct written_node {
	struct node_config cfg;
	bool has_workers;
	bool unread; /* no usable document: absent fields say nothing */
	struct pos lcores_pos, listen_pos;
	uint32_t workers;
	int hugepages, registry_only, compat_08;
	uint64_t max_header_bytes;
	uint32_t n_interfaces, n_sources;
	struct written_interface *interfaces;
	struct written_source *sources;
};

enum hugepages { HUGEPAGES_AUTO, HUGEPAGES_ON, HUGEPAGES_OFF };

extern const struct message node_schema;

/* Checks what was written for interfaces and fills cfg->dataplane.ifaces; reports with the
 * field paths of the file. */
void node_interfaces_build(struct decoder *dec, struct written_node *w);

/* node_devices.c: the device or the bond of one interface; and whether interfaces[i] shares
 * with an earlier one what it may not. At the path of the interface. */
void node_devices_build(struct decoder *dec, const struct written_interface *w,
			struct iface_config *out);
void node_devices_check_shared(struct decoder *dec, const struct written_node *w, uint32_t i);

/* Reports at the current path, at the place of an entry. */
__attribute__((format(printf, 4, 5))) void node_report(struct decoder *dec, enum diag_code code,
						       struct pos pos, const char *fmt, ...);
/* Copies what an interface must have; `what` is its field. */
void node_copy_text(struct decoder *dec, const struct written_interface *w, const char *what,
		    const char *text, char *out, size_t size);
