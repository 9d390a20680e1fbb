/* vs.h - the checks of a VirtualService, by subject (istio/reference 2).
 *
 * Each takes the message it checks, which may be NULL where the schema lets it be absent, and
 * reports below the path of the message that holds it. */
#pragma once
#include <validate/check.h>

/* ---- vs_match.c ---- */
void check_http_match(struct check *c, const struct http_match *m);
/* One string match at the current path; path: it is a uri, whose prefix may be empty. */
void check_string_match(struct check *c, const struct string_match *m, bool path);
/* A regular expression at the current path; true when it is one. */
bool check_regex(struct check *c, const char *pattern);
void check_source_namespace(struct check *c, const char *ns);

/* ---- vs_route.c ---- */
void check_destination(struct check *c, const char *field, const struct destination *d);
void check_routes(struct check *c, const struct http_route_destination *route, uint32_t n);

/* ---- one file each ---- */
void check_conflicts(struct check *c, const struct virtual_service *vs,
		     const struct http_rule *rule);
void check_redirect(struct check *c, const struct http_rule *rule);
void check_direct_response(struct check *c, const struct http_direct_response *d);
void check_rewrite(struct check *c, const struct http_rewrite *r);
void check_retries(struct check *c, const struct http_retry *r);
void check_fault(struct check *c, const struct http_fault *f);
void check_mirrors(struct check *c, const struct http_rule *rule);
void check_headers(struct check *c, const struct header_manipulation *h);
void check_rule_headers(struct check *c, const struct http_rule *rule);
/* A name of a header; any: "*" stands for all of them. */
void check_header_name(struct check *c, const char *name, bool any);
void check_cors(struct check *c, const struct cors_policy *p);
void check_l4(struct check *c, const struct virtual_service *vs);

/* An HTTP status that the gateway itself answers with. */
void check_status(struct check *c, const char *field, int64_t status);
/* A share in percent that is drawn with a resolution of 0.0001 %; p may be NULL. */
void check_percentage(struct check *c, const struct percent *p);
