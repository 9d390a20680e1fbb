/* hosts.h - the domains of one listener, and the table in which workers look them up.
 *
 * Suffix entries start with a dot ("*.foo.com" is filed as ".foo.com"). A wildcard that does
 * not ("*-a.foo.com") is filed as it is, together with an entry of length 0, which tells the
 * lookup to try suffixes that start in the middle of a label too. */
#pragma once
#include <compile/build.h>

struct layout_host;

struct hosts {
	struct list exact, suffix; /* struct domain, in order */
	struct list any;           /* struct layout_host */
};

/* Gives a domain (host, "*.suffix" or "*", any case) to a virtual host. The first one that has
 * routes keeps it. */
void hosts_add(struct hosts *h, struct arena *a, const char *domain,
	       const struct layout_host *host);

/* With the virtual hosts as they are now; keys are borrowed from where h is. */
void hosts_table(const struct hosts *h, struct arena *a, struct host_table *out);
