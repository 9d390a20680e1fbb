/* canned.h - a peer's end of a TCP connection, reduced to what a wire that loses nothing needs:
 * whole segments are written and read, each read one is what was expected next. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define CANNED_HEADER_MAX 60 /* TCP header and options */

/* Addresses and ports in host order; ours is the canned end's. */
struct canned_end {
	uint32_t ip, peer_ip;
	uint16_t port, peer_port;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t ts_recent; /* the peer's last timestamp */
};

struct canned_segment {
	uint8_t flags;
	const char *data;
	uint16_t len; /* of data */
};

/* Writes a segment from the TCP header on, its checksum 0, with the options that Linux sends;
 * returns its length. */
uint16_t canned_write(struct canned_end *e, uint32_t now_ms, uint8_t flags, const char *data,
		      uint16_t len, void *to);

/* Takes a segment of n bytes, TCP header included. Ends the program when it is not the next one
 * or ends the connection. */
struct canned_segment canned_read(struct canned_end *e, const void *from, uint32_t n);
