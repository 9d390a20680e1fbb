/* check.h - what the checks of one object carry along, and the rules that kinds share. */
#pragma once
#include <common/codes.h>
#include <common/path.h>
#include <model/model.h>

struct check {
	const struct resource *r;
	struct diags *d;
	struct field_path path; /* of the field being looked at */
	char label[RESOURCE_LABEL_SIZE];
};

/* For an object that has been looked at already; the path is empty. */
void check_start(struct check *c, const struct resource *r, struct diags *d);

/* Reports at the current path, where it was written. */
__attribute__((format(printf, 3, 4))) void check_report(struct check *c, enum diag_code code,
							const char *fmt, ...);

/* Path handling: check_field(c, "hosts") ... check_leave(c, mark). */
size_t check_field(struct check *c, const char *name);
size_t check_item(struct check *c, size_t index);
size_t check_key(struct check *c, const char *key);
void check_leave(struct check *c, size_t mark);

/* ---- rules shared by kinds; each reports at the path of what it checks ---- */

/* A host name whose first label may be a wildcard; reports HOST_INVALID. */
bool check_host(struct check *c, const char *host);
void check_labels(struct check *c, const char *field, const struct labels *labels);
void check_export_to(struct check *c, const struct string_list *list);
void check_gateway_names(struct check *c, const struct string_list *list);
void check_address_or_cidr(struct check *c, const char *address);

/* ---- one function per kind; c->path is empty ---- */

void check_virtual_service(struct check *c, const struct virtual_service *vs);
void check_destination_rule(struct check *c, const struct destination_rule *dr);
void check_gateway(struct check *c, const struct gateway *gw);
void check_service_entry(struct check *c, const struct service_entry *se);
void check_workload_entry(struct check *c, const struct workload_entry *we);
void check_workload_group(struct check *c, const struct workload_group *wg);

/* The annotations of a health check, on whatever kind has them; c->path is empty. */
void check_health_check(struct check *c, const struct check_settings *s);

/* Warns of delegates that are missing, hidden or not used; scratch memory from a. */
void check_delegates(const struct resource_set *s, struct arena *a, struct diags *d);

/* Warns of rules and matches that no request can reach (reference 2.6). */
void check_reachability(struct check *c, const struct virtual_service *vs);

/* The checks of one endpoint that hold for inline ones and WorkloadEntry objects alike;
 * the path is that of the endpoint. */
void check_endpoint_common(struct check *c, const struct workload_entry *we);
