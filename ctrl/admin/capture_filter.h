/* capture_filter.h - the language of capture filters, a small part of tcpdump's:
 *
 *   filter    = terms { "or" terms }
 *   terms     = term { ["and"] term }
 *   term      = ["not"] primitive
 *   primitive = ["src" | "dst"] ("host" ADDRESS | "net" ADDRESS/LENGTH | "port" NUMBER)
 *             | "ip" | "ip6" | "arp" | "tcp" | "udp" | "icmp" | "icmp6" | "proto" NUMBER
 *             | "interface" NAME | "in" | "out" */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <config/node.h>
#include <weir/capture.h>

/* node: for the names of interfaces. False, and a sentence in err, when text is no filter. */
bool capture_filter_parse(struct capture_filter *f, const char *text,
			  const struct node_config *node, char *err, size_t err_len);
