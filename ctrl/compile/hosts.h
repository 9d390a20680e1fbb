/* hosts.h - collects the domains of a listener and makes its host table.
 *
 * Suffix entries start with a dot ("*.foo.com" is filed as ".foo.com"). A wildcard that does
 * not ("*-a.foo.com") is filed as it is, together with an entry of length 0, which tells the
 * lookup to try suffixes that start in the middle of a label too. */
#pragma once
#include <compile/build.h>

struct domain {
	const char *name; /* as in the table */
	const struct vhost *vhost;
};

struct hosts {
	struct map by_domain;      /* -> struct domain */
	struct list exact, suffix; /* struct domain */
	const struct vhost *any;
	bool partial;
};

void hosts_init(struct hosts *h);
void hosts_fini(struct hosts *h);

/* Gives a domain (host, "*.suffix" or "*", any case) to vh unless somebody has it already. */
void hosts_add(struct hosts *h, struct arena *tmp, const char *domain, const struct vhost *vh);
void hosts_table(const struct hosts *h, struct arena *a, struct host_table *out);
