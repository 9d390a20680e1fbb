/* sources.h - the workloads that sourceLabels and sourceNamespace speak of, by address.
 *
 * A condition on traffic routed through the node is met by what a Pod or WorkloadEntry with these
 * labels sends (istio/reference 2.3). A Pod that is not ready can be a client all the same. When
 * several workloads have one address, any of them may meet it. */
#pragma once
#include <compile/build.h>

/* Equal conditions of one build give the same set. */
struct source_set {
	const char *text; /* "namespace shop, app=reviews, version=v2", for people and cache keys */
	uint32_t n;
	const struct ip_addr *addrs; /* sorted, none twice */
};

/* ns: NULL or "" for any. Lives as long as the build's plans. */
const struct source_set *source_set_get(struct build *b, const struct labels *labels,
					const char *ns);

/* The set as workers look it up. */
struct addr_set source_set_compile(const struct source_set *s, struct arena *a);

void sources_fini(struct build *b);
