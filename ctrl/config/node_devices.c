/* node_devices.c - the device of each interface, or the devices of its bond: all of them there,
 * and none in two places but for interfaces that a tag tells apart. */
#include <config/node_fields.h>

#include <stdio.h>
#include <string.h>

#define LINK_INTERVAL_MAX_US 60000000u

void node_report(struct decoder *dec, enum diag_code code, struct pos pos, const char *fmt, ...)
{
	const struct diag_rule *rule = diag_rule(code);
	va_list ap;

	va_start(ap, fmt);
	diag_vadd(dec->d, rule->severity, rule->code, pos, dec->resource, dec->path.text, fmt, ap);
	va_end(ap);
}

void node_copy_text(struct decoder *dec, const struct written_interface *w, const char *what,
		    const char *text, char *out, size_t size)
{
	size_t mark;

	if (text && *text && strlen(text) < size) {
		memcpy(out, text, strlen(text) + 1);
		return;
	}
	mark = field_path_push(&dec->path, what);
	if (!text || !*text)
		node_report(dec, DIAG_NODE_INTERFACE, w->pos, "an interface needs a %s", what);
	else
		node_report(dec, DIAG_NODE_INTERFACE, w->pos, "the %s is longer than %zu bytes",
			    what, size - 1);
	field_path_pop(&dec->path, mark);
}

/* Drivers of kernel interfaces are named differently and take further arguments, but two of
 * them on one interface would each get every packet. */
static bool same_device(const char *a, const char *b)
{
	const char *x = strstr(a, "iface="), *y = strstr(b, "iface=");
	size_t n = x ? strcspn(x, ",") : 0;

	if (strcmp(a, b) == 0)
		return true;
	return x && y && n == strcspn(y, ",") && memcmp(x, y, n) == 0;
}

static bool is_bond_driver(const char *device)
{
	return strncmp(device, "net_bonding", strlen("net_bonding")) == 0;
}

/* ---- one interface ---- */

/* Why this cannot be a member, after those before it; NULL: it can. */
static const char *unfit_member(const struct string_list *devices, uint32_t i)
{
	const char *device = devices->items[i];
	uint32_t j;

	if (!*device)
		return "it is empty";
	if (strlen(device) >= sizeof(((struct iface_config *)0)->device))
		return "it is too long";
	if (is_bond_driver(device))
		return "a bond cannot be a member of another";
	for (j = 0; j < i; j++)
		if (same_device(device, devices->items[j]))
			return "the bond has this device already";
	return NULL;
}

static void build_members(struct decoder *dec, const struct written_bond *w,
			  struct bond_config *out)
{
	size_t outer = field_path_push(&dec->path, "devices");
	uint32_t i;

	if (w->devices.n < 2 || w->devices.n > BOND_MEMBERS_MAX)
		node_report(dec, DIAG_NODE_BOND, w->pos,
			    "a bond has 2 to %d devices, and here are %u", BOND_MEMBERS_MAX,
			    w->devices.n);
	for (i = 0; i < w->devices.n && i < BOND_MEMBERS_MAX; i++) {
		const char *unfit = unfit_member(&w->devices, i);
		size_t mark = field_path_push_index(&dec->path, i);

		if (unfit)
			node_report(dec, DIAG_NODE_BOND, w->devices.pos[i], "\"%s\": %s",
				    w->devices.items[i], unfit);
		else
			out->members[out->n_members++] = w->devices.items[i];
		field_path_pop(&dec->path, mark);
	}
	field_path_pop(&dec->path, outer);
}

static void build_bond(struct decoder *dec, const struct written_interface *w,
		       struct iface_config *out)
{
	const struct written_bond *bond = &w->bond;
	size_t mark = field_path_push(&dec->path, "bond");

	out->bond.mode = (enum bond_mode)bond->mode;
	out->bond.hash = (enum bond_hash)bond->hash;
	out->bond.link_interval_ms = (uint32_t)(bond->link_interval_us / 1000);
	if (w->device)
		node_report(dec, DIAG_NODE_BOND, bond->pos,
			    "an interface has a device or a bond, not both");
	if (bond->has_hash && bond->mode == BOND_ACTIVE_BACKUP)
		node_report(dec, DIAG_NODE_BOND, bond->pos,
			    "hash is of the modes balance and 802.3ad: active-backup sends by one "
			    "device at a time");
	if (bond->link_interval_us > LINK_INTERVAL_MAX_US)
		node_report(dec, DIAG_NODE_BOND, bond->pos, "linkInterval is 1m at most");
	build_members(dec, bond, &out->bond);
	/* Unlike the text of any device. No device is in two bonds, so this one names it. */
	snprintf(out->device, sizeof(out->device), "bond of %.200s",
		 out->bond.n_members ? out->bond.members[0] : "");
	field_path_pop(&dec->path, mark);
}

void node_devices_build(struct decoder *dec, const struct written_interface *w,
			struct iface_config *out)
{
	if (w->has_bond)
		build_bond(dec, w, out);
	else if (w->device && is_bond_driver(w->device))
		node_report(dec, DIAG_NODE_BOND, w->pos,
			    "a bond is written as bond: {mode: active-backup, devices: [A, B]}");
	else
		node_copy_text(dec, w, "device", w->device, out->device, sizeof(out->device));
}

/* ---- two interfaces ---- */

/* A device by its number; NULL: there are no more. */
static const char *device_of(const struct written_interface *w, uint32_t i)
{
	if (!w->has_bond)
		return i == 0 ? w->device : NULL;
	return i < w->bond.devices.n ? w->bond.devices.items[i] : NULL;
}

/* The first device of a that b has too; NULL: none. */
static const char *common_device(const struct written_interface *a,
				 const struct written_interface *b)
{
	const char *x, *y;
	uint32_t i, k;

	for (i = 0; (x = device_of(a, i)) != NULL; i++)
		for (k = 0; (y = device_of(b, k)) != NULL; k++)
			if (same_device(x, y))
				return y;
	return NULL;
}

static bool written_alike(const struct written_interface *a, const struct written_interface *b)
{
	const char *x, *y;
	uint32_t i = 0;

	if (a->has_bond != b->has_bond || a->bond.mode != b->bond.mode ||
	    a->bond.hash != b->bond.hash || a->bond.link_interval_us != b->bond.link_interval_us)
		return false;
	do {
		x = device_of(a, i);
		y = device_of(b, i++);
	} while (x && y && strcmp(x, y) == 0);
	return !x && !y;
}

/* Interfaces of one device are told apart by their tags, and fit into its frames. */
static void check_shared(struct decoder *dec, const struct written_interface *a,
			 const struct written_interface *b, uint32_t j)
{
	const char *device = common_device(a, b);

	if (!device)
		return;
	if (!written_alike(a, b) || (a->vlan == b->vlan && !a->vlan))
		node_report(dec, DIAG_NODE_INTERFACE, a->pos,
			    "interfaces[%u] has the device \"%s\" too", j, device);
	else if (a->vlan == b->vlan)
		node_report(dec, DIAG_NODE_INTERFACE, a->pos,
			    "interfaces[%u] has vlan %u of the device \"%s\" too", j, a->vlan,
			    device);
	else if (a->mtu > b->mtu)
		node_report(dec, DIAG_NODE_INTERFACE, a->pos,
			    "the mtu %u is larger than that of interfaces[%u], %u, which has the "
			    "device "
			    "first",
			    a->mtu, j, b->mtu);
}

void node_devices_check_shared(struct decoder *dec, const struct written_node *w, uint32_t i)
{
	uint32_t j;

	for (j = 0; j < i; j++)
		check_shared(dec, &w->interfaces[i], &w->interfaces[j], j);
}
