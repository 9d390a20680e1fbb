/* layout.h - what a configuration looks like but for its http rules: services, listeners, the
 * virtual hosts behind them, and which VirtualServices each of those is made of. A rule of tcp[]
 * decides whether there is a listener, so that it is part of this.
 *
 * As long as only rules change the layout stays, and what a change costs does not grow with the
 * number of virtual hosts but by a look at each. */
#pragma once
#include <compile/hosts.h>
#include <compile/registry.h>
#include <compile/route.h>

/* A VirtualService in a place. */
struct layout_source {
	const struct resource *vs;
	const struct route_scope *scope;
};

struct layout_host {
	const char *name;    /* "host:port" */
	const char *service; /* whose default route stands in; NULL: nobody's */
	uint32_t port;
	struct list sources;       /* struct layout_source; several are of a Gateway */
	const struct vhost *vhost; /* as the last snapshot has it; NULL: it has no routes */
	const struct vhost *next;  /* as the snapshot under construction has it */
};

struct layout_listener {
	struct listener listener; /* without virtual hosts; its id is the layout's */
	const struct hosts *hosts;
	const struct layout_host *fallback; /* NULL */
};

struct layout {
	uint32_t refs;
	struct arena *arena;
	struct registry registry;
	struct map delegates;  /* "ns/name" -> struct resource, VirtualServices without hosts */
	uint64_t surroundings; /* of all that routes depend on outside their VirtualServices */
	struct list hosts;     /* struct layout_host */
	struct list tables;    /* struct hosts */
	struct list listeners; /* struct layout_listener */
	bool quiet;            /* nothing was reported when it was last compiled */
};

/* Of the build's set, held once; from here on it is b->layout. */
void layout_create(struct build *b);
void layout_put(struct compiler *c, struct layout *l);

/* ---- while it is made; memory is b->tmp, which is the layout's then ---- */

struct layout_host *layout_add_host(struct build *b, const char *host, uint32_t port);
void layout_add_source(struct build *b, struct layout_host *h, const struct resource *vs,
		       const struct route_scope *scope);
struct hosts *layout_add_table(struct build *b);
/* False when the address is taken. */
bool layout_add_listener(struct build *b, const struct layout_listener *l);
