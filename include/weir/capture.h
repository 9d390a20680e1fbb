/* capture.h - packets that are copied for a person to look at: which, and where to.
 *
 * The control thread makes a capture, publishes it to the workers, takes it back and reads it.
 * Meanwhile workers write: each packet takes the next number and the slot of that number, so
 * that the last ones are kept; memory is that of the slots, whatever happens. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <weir/abi.h>
#include <weir/addr.h>

#define CAPTURE_TERMS_MAX   16
#define CAPTURE_PACKETS_MAX 10000
#define CAPTURE_BYTES       2048 /* kept of a packet */

enum capture_kind {
	CAPTURE_NET,       /* prefix, of IP or ARP */
	CAPTURE_PORT,      /* value, of TCP or UDP */
	CAPTURE_PROTOCOL,  /* value, of IP */
	CAPTURE_ETHERTYPE, /* value */
	CAPTURE_INTERFACE, /* value: index */
	CAPTURE_OUT,       /* sent by weir */
};

enum capture_side { CAPTURE_EITHER, CAPTURE_SRC, CAPTURE_DST };

struct capture_term {
	enum capture_kind kind;
	enum capture_side side;
	bool negate;
	bool last; /* of an alternative: the next begins another */
	uint16_t value;
	struct ip_prefix prefix;
};

/* Matches when all terms of one of its alternatives do; without terms always. */
struct capture_filter {
	unsigned n;
	struct capture_term terms[CAPTURE_TERMS_MAX];
};

struct capture_slot {
	uint32_t busy;    /* atomic: being written */
	uint32_t len;     /* on the wire; of data at most CAPTURE_BYTES are there */
	uint64_t seq;     /* the packet's number, from 1; 0: nothing here */
	uint64_t time_ns; /* since the epoch */
	uint16_t iface;
	bool out;
	uint8_t data[CAPTURE_BYTES];
};

struct capture {
	struct capture_filter filter;
	bool keep_first;  /* the first packets, not the last */
	uint32_t n_slots; /* 1 to CAPTURE_PACKETS_MAX */
	struct capture_slot *slots;
	uint64_t matched WEIR_CACHE_ALIGNED; /* atomic: the last number given out */
	uint64_t missed;                     /* atomic: found their slot busy */
};
