/* tcp_keepalive.h - keep-alive of one connection (RFC 9293 3.8.4), as DestinationRule's
 * connectionPool.tcp.tcpKeepalive has it. */
#pragma once
#include <stdint.h>

struct tcp_keepalive {
	uint16_t time_s;     /* idle for so long: the first probe; 0: tcp.keepalive's, or 2 h */
	uint16_t interval_s; /* between unanswered probes; 0: 75 s */
	uint8_t probes;      /* that many unanswered end the connection; 0: 9 */
};

/* The largest values that Linux takes. */
#define TCP_KEEPALIVE_TIME_MAX_S 32767u
#define TCP_KEEPALIVE_PROBES_MAX 127u
