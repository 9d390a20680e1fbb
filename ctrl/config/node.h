/* node.h - the node configuration file (weir.yaml): decoded from a table, checked strictly. */
#pragma once
#include <common/diag.h>
#include <model/model.h>
#include <weir/dataplane.h>

enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT, LOG_FORMAT_NONE };

struct node_config {
	struct arena *arena;

	const char *name, *ns, *locality;
	struct labels labels;

	unsigned workers;
	const char *lcores;    /* "2-5"; NULL: workers decides */
	const char *hugepages; /* "auto", "on", "off" */
	struct string_list eal;
	struct dataplane_config dataplane; /* filled from dataplane:, interfaces:, http:, tcp: */

	struct string_list directories; /* resources: */
	const char *kubeconfig;         /* accepted by the schema, refused with the reason */

	bool compat_08;     /* mesh.compatibility: "0.8" */
	bool registry_only; /* mesh.outboundTrafficPolicy.mode */

	const char *admin_listen; /* "127.0.0.1:15000"; "" = none */
	const char *admin_socket; /* path; "" = none */

	const char *log_path;
	enum log_format log_format;
	uint64_t drain_timeout_us;
};

/* Reads and checks FILE. Always fills cfg with defaults for what is wrong, so that all
 * problems are found; the caller looks at d->errors. */
void node_config_load(struct node_config *cfg, const char *file, struct diags *d);
void node_config_fini(struct node_config *cfg);
