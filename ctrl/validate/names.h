/* names.h - what names, hosts, labels and addresses may look like (reference 1.2). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* [a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?, at most 63 bytes. */
bool name_is_label(const char *s, size_t len);
/* The same in lower case: names of namespaces, subsets and ports (RFC 1123). */
bool name_is_dns_label(const char *s);
/* Lower-case labels joined by dots, at most 253 bytes: names of Kubernetes objects. */
bool name_is_dns_subdomain(const char *s);

/* NULL when host is a name of at most 255 bytes whose first label may be a wildcard;
 * otherwise what is wrong with it. An IP address is a problem too. */
const char *name_host_problem(const char *host);
/* The same without any wildcard. */
const char *name_fqdn_problem(const char *host);

bool name_is_wildcard(const char *host);
/* "*abc.com", "*-abc.com": legal names whose wildcard is only part of a label. */
bool name_is_partial_wildcard(const char *host);
/* Does the pattern (a host or wildcard) cover the host or wildcard, without regard to case?
 * "*.foo.com" covers "a.foo.com" and "*.b.foo.com", not "foo.com"; "*" covers all. */
bool name_covers(const char *pattern, const char *host);
/* Can one request match both? */
bool name_overlaps(const char *a, const char *b);

bool name_is_ip(const char *s);
bool name_is_ip_or_cidr(const char *s, bool *cidr); /* a /32 or /128 is no CIDR */

bool name_is_label_key(const char *s);
bool name_is_label_value(const char *s);

/* RFC 9110 token; and the pseudo headers that a match may name. */
bool name_is_token(const char *s);
bool name_is_pseudo_header(const char *s);
