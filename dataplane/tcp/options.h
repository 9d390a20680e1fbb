/* options.h - the options of one segment (RFC 9293 section 3.2, RFC 7323, RFC 2018). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define TCP_OPTIONS_MAX  40
#define TCP_SACK_MAX     4u
#define TCP_WSCALE_MAX   14 /* RFC 7323 section 2.3: more counts as 14 */
#define TCP_TS_OPTION    12 /* bytes, with the two NOPs that align it */
#define TCP_TS_CANONICAL 0x0101080au

enum tcp_option_bit {
	TCP_OPT_MSS = 1u << 0,
	TCP_OPT_WSCALE = 1u << 1,
	TCP_OPT_SACK_OK = 1u << 2,
	TCP_OPT_TS = 1u << 3,
};

struct tcp_sack_block {
	uint32_t start, end;
};

struct tcp_options {
	uint8_t present; /* enum tcp_option_bit */
	uint8_t wscale;
	uint8_t n_sack;
	uint16_t mss;
	uint32_t ts_val, ts_ecr;
	struct tcp_sack_block sack[TCP_SACK_MAX];
};

/* Reads len bytes of options. False when an option's length is wrong: what came before it is
 * kept, what follows cannot be found (RFC 9293 MUST-7). */
bool tcp_options_parse(const uint8_t *p, unsigned len, struct tcp_options *o);

/* Writes o, padded to a multiple of 4; p has room for TCP_OPTIONS_MAX. Returns the length.
 * SACK blocks that do not fit are left out from the end. */
unsigned tcp_options_write(uint8_t *p, const struct tcp_options *o);
