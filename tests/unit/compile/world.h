/* world.h - a node with its compiler, one set of resources and the workers' lookup code: tests
 * write YAML, send a request, and ask what happens to it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <compile/compile.h>
#include <lb/lb.h>
#include <match/match.h>

struct world {
	struct compiler *compiler;
	struct resource_set set;
	struct diags d;
	struct snapshot *s; /* NULL: the last build failed */
	struct match *match;
	struct lb_state *lb;
};

struct world_options {
	const char *ns;     /* "default" when NULL */
	const char *labels; /* "key=value,key=value"; "istio=ingressgateway" when NULL */
	bool compat_08;
	const char *locality; /* "" when NULL */
};

void world_init(struct world *w, const struct world_options *opt); /* opt may be NULL */
void world_fini(struct world *w);

/* Replaces the resources and builds the next snapshot; the test fails if it cannot. */
void world_load(struct world *w, const char *yaml);
/* Fails if the build succeeds; w->d then says why not. */
void world_load_bad(struct world *w, const char *yaml);
/* Builds, and gives the snapshot away instead of replacing w->s. */
struct snapshot *world_build(struct world *w, const char *yaml);

/* Did the last load report this code? */
bool world_reported(const struct world *w, const char *code);

struct request {
	const char *ip; /* listener's address; NULL: the wildcard listener */
	uint16_t port;
	const char *source; /* the client's address */
	const char *method, *host, *path, *scheme;
	const char *fields[8][2];
};

/* Defaults: port 80, GET, host x.test, path /. */
#define ROUTE(w, ...) world_route(w, &(const struct request){__VA_ARGS__})

/* The route taken; NULL: 404. The test fails when there is no listener. */
const struct route *world_route(struct world *w, const struct request *rq);
/* The name of the (first) cluster of the route taken; "404" when there is none. */
#define CLUSTER(w, ...) world_cluster(w, &(const struct request){__VA_ARGS__})
const char *world_cluster(struct world *w, const struct request *rq);
/* Short form of it: the first label of the cluster's host, and its subset: "a", "a/v1". */
#define SERVICE(w, ...) world_service(w, &(const struct request){__VA_ARGS__})
const char *world_service(struct world *w, const struct request *rq);

const struct vhost *world_vhost(struct world *w, const struct request *rq);
const struct listener *world_listener(const struct world *w, const char *ip, uint16_t port);
/* NULL when the snapshot has no such cluster. */
const struct cluster *world_cluster_named(const struct world *w, const char *name);
/* "ip:port ip:port" of a cluster's endpoints, in order; "-" when there is no cluster. */
const char *world_endpoints(const struct world *w, const char *cluster);

/* Gateway gw (port 80, all hosts), services a, b, c (port 8000, two endpoints each, labels
 * version v1 and v2) and DestinationRule a with subsets v1, v2. */
extern const char world_fixture[];
/* The fixture, then VirtualServices and the like. */
#define WITH_FIXTURE(yaml) world_with_fixture(yaml)
const char *world_with_fixture(const char *yaml);
