/* proxy_header.h - the header of the PROXY protocol, versions 1 and 2: whose connection this is,
 * said by a proxy before the first byte of anything else (HAProxy's doc/proxy-protocol.txt, 2.1
 * and 2.2).
 *
 * Pure functions. Strict in what they read: who may say where a connection comes from is trusted,
 * and what is not exactly a header is not one. */
#pragma once
#include <base/mbq.h>

/* Bytes of a header that is written. */
#define PROXY_HEADER_WRITE_MAX 108

/* A header with more bytes than this, additional fields (TLVs) included, is refused: they wait in
 * packet memory until the last one has come. */
#define PROXY_HEADER_READ_MAX 4096

enum proxy_header_error {
	PROXY_HEADER_ABSENT = -1,      /* the first bytes are those of something else */
	PROXY_HEADER_BROKEN = -2,      /* begins as one, and is none */
	PROXY_HEADER_LONG = -3,        /* beyond PROXY_HEADER_READ_MAX, or version 1's 107 bytes */
	PROXY_HEADER_UNSUPPORTED = -4, /* version 2's datagrams and unix sockets */
};

struct proxy_header {
	/* False: UNKNOWN, LOCAL or AF_UNSPEC, the connection's own addresses are the right ones. */
	bool has_addresses;
	struct net_addr source, destination;
};

/* Reads the header at the start of p[0..n). Returns its length, 0 when more is needed to know, or
 * an enum proxy_header_error. The length may be above n: what is missing are TLVs, which nobody
 * reads. */
int proxy_header_parse(const uint8_t *p, uint32_t n, struct proxy_header *h);

/* The same of a queue, which is left as it is; the length only when all of the header is there. */
int proxy_header_read(const struct mbq *q, struct proxy_header *h);

/* Writes a header of version 1 or 2 that announces source and destination. A pair of both families
 * is announced as IPv6, the IPv4 one mapped. Returns the length, at most PROXY_HEADER_WRITE_MAX. */
uint32_t proxy_header_write(uint8_t out[PROXY_HEADER_WRITE_MAX], unsigned version,
			    const struct net_addr *source, const struct net_addr *destination);
