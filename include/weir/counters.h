/* counters.h - every per-worker counter, once: enum, metric name and help come from here.
 *
 * A worker owns its page and adds to it without atomics that cost anything; the control
 * thread reads all pages and sums. Each drop has a reason here: nothing is lost silently. */
#pragma once
#include <weir/abi.h>

/*     id, Prometheus name (labels included), help */
#define NET_COUNTERS(X)                                                                            \
	X(NET_RX_PACKETS, "weir_net_rx_packets_total", "Frames received")                          \
	X(NET_TX_PACKETS, "weir_net_tx_packets_total", "Frames sent")                              \
	X(NET_RX_BYTES, "weir_net_rx_bytes_total", "Bytes received, Ethernet header included")     \
	X(NET_TX_BYTES, "weir_net_tx_bytes_total", "Bytes sent, Ethernet header included")         \
	X(NET_STEERED, "weir_net_steered_total", "Frames handed to another worker")                \
	X(NET_ARP_IN, "weir_net_arp_in_total", "ARP messages received")                            \
	X(NET_ARP_OUT, "weir_net_arp_out_total", "ARP messages sent")                              \
	X(NET_ICMP_ECHO, "weir_net_icmp_echo_total", "ICMP echo requests answered")                \
	X(NET_ICMP_ERROR, "weir_net_icmp_errors_in_total", "ICMP errors received")                 \
	X(NET_FRAGMENTS_IN, "weir_net_fragments_in_total", "IP fragments received")                \
	X(NET_REASSEMBLED, "weir_net_reassembled_total", "Datagrams put together from fragments")  \
	X(NET_PUNT_UP, "weir_net_punt_to_kernel_total", "Frames handed to the kernel")             \
	X(NET_PUNT_DOWN, "weir_net_punt_from_kernel_total", "Frames sent for the kernel")          \
	X(NET_ICMP_ERROR_OUT, "weir_net_icmp_errors_out_total", "ICMP errors sent")                \
	X(NET_ND_IN, "weir_net_nd_in_total", "Neighbour Discovery messages received")              \
	X(NET_ND_OUT, "weir_net_nd_out_total", "Neighbour Discovery messages sent")                \
	X(NET_MLD_IN, "weir_net_mld_in_total", "Multicast listener queries received")              \
	X(NET_MLD_OUT, "weir_net_mld_out_total", "Multicast listener reports sent")                \
	X(NET_ADDR_DUPLICATE, "weir_net_duplicate_addresses_total",                                \
	  "Own IPv6 addresses disabled because another host has them")                             \
	X(NET_BOND_CHANGES, "weir_net_bond_changes_total",                                         \
	  "Times that another member of a bond carried the traffic, or none")                      \
	X(DROP_ETH_SHORT, "weir_drops_total{reason=\"eth_short\"}", "Frames dropped, by reason")   \
	X(DROP_ETH_LONG, "weir_drops_total{reason=\"eth_long\"}", "")                              \
	X(DROP_ETH_DST, "weir_drops_total{reason=\"eth_destination\"}", "")                        \
	X(DROP_ETH_TYPE, "weir_drops_total{reason=\"eth_type\"}", "")                              \
	X(DROP_ETH_VLAN, "weir_drops_total{reason=\"eth_vlan\"}", "")                              \
	X(DROP_ARP, "weir_drops_total{reason=\"arp\"}", "")                                        \
	X(DROP_IP_HEADER, "weir_drops_total{reason=\"ip_header\"}", "")                            \
	X(DROP_IP_CHECKSUM, "weir_drops_total{reason=\"ip_checksum\"}", "")                        \
	X(DROP_IP_MARTIAN, "weir_drops_total{reason=\"ip_martian\"}", "")                          \
	X(DROP_IP_NOT_LOCAL, "weir_drops_total{reason=\"ip_not_local\"}", "")                      \
	X(DROP_IP_FRAGMENT, "weir_drops_total{reason=\"ip_fragment\"}", "")                        \
	X(DROP_FRAG_TINY, "weir_drops_total{reason=\"fragment_tiny\"}", "")                        \
	X(DROP_FRAG_LONG, "weir_drops_total{reason=\"fragment_long\"}", "")                        \
	X(DROP_FRAG_OVERLAP, "weir_drops_total{reason=\"fragment_overlap\"}", "")                  \
	X(DROP_FRAG_DUPLICATE, "weir_drops_total{reason=\"fragment_duplicate\"}", "")              \
	X(DROP_FRAG_FULL, "weir_drops_total{reason=\"fragment_table_full\"}", "")                  \
	X(DROP_FRAG_TIMEOUT, "weir_drops_total{reason=\"fragment_timeout\"}", "")                  \
	X(DROP_IP_PROTOCOL, "weir_drops_total{reason=\"ip_protocol\"}", "")                        \
	X(DROP_IP_NO_ROUTE, "weir_drops_total{reason=\"ip_no_route\"}", "")                        \
	X(DROP_IP_EXTENSION, "weir_drops_total{reason=\"ip_extension\"}", "")                      \
	X(DROP_ICMP, "weir_drops_total{reason=\"icmp\"}", "")                                      \
	X(DROP_ND, "weir_drops_total{reason=\"nd\"}", "")                                          \
	X(DROP_NEIGH_QUEUE, "weir_drops_total{reason=\"neigh_queue_full\"}", "")                   \
	X(DROP_NEIGH_FAILED, "weir_drops_total{reason=\"neigh_unreachable\"}", "")                 \
	X(DROP_NEIGH_TABLE, "weir_drops_total{reason=\"neigh_table_full\"}", "")                   \
	X(DROP_TX_FULL, "weir_drops_total{reason=\"tx_full\"}", "")                                \
	X(DROP_STEER_FULL, "weir_drops_total{reason=\"steer_full\"}", "")                          \
	X(DROP_PUNT_FULL, "weir_drops_total{reason=\"punt_queue_full\"}", "")                      \
	X(DROP_PUNT_LOST, "weir_drops_total{reason=\"punt_refused\"}", "")                         \
	X(DROP_NO_MBUF, "weir_drops_total{reason=\"no_mbuf\"}", "")

/* The first ones are RFC 4022's, by their names there. */
#define TCP_COUNTERS(X)                                                                            \
	X(TCP_ACTIVE_OPENS, "weir_tcp_active_opens_total", "RFC 4022 tcpActiveOpens")              \
	X(TCP_PASSIVE_OPENS, "weir_tcp_passive_opens_total", "RFC 4022 tcpPassiveOpens")           \
	X(TCP_ATTEMPT_FAILS, "weir_tcp_attempt_fails_total", "RFC 4022 tcpAttemptFails")           \
	X(TCP_ESTAB_RESETS, "weir_tcp_estab_resets_total", "RFC 4022 tcpEstabResets")              \
	X(TCP_IN_SEGS, "weir_tcp_in_segs_total", "RFC 4022 tcpInSegs")                             \
	X(TCP_OUT_SEGS, "weir_tcp_out_segs_total", "RFC 4022 tcpOutSegs")                          \
	X(TCP_RETRANS_SEGS, "weir_tcp_retrans_segs_total", "RFC 4022 tcpRetransSegs")              \
	X(TCP_IN_ERRS, "weir_tcp_in_errs_total", "RFC 4022 tcpInErrs: bad checksum or header")     \
	X(TCP_OUT_RSTS, "weir_tcp_out_rsts_total", "RFC 4022 tcpOutRsts")                          \
	X(TCP_RTO, "weir_tcp_rto_total", "Retransmission timeouts")                                \
	X(TCP_FAST_RETRANS, "weir_tcp_fast_retransmits_total", "Fast recoveries entered")          \
	X(TCP_TLP, "weir_tcp_tail_loss_probes_total", "RFC 8985 tail loss probes")                 \
	X(TCP_SPURIOUS, "weir_tcp_spurious_recoveries_total", "Recoveries undone as needless")     \
	X(TCP_DSACK_IN, "weir_tcp_dsacks_in_total", "RFC 2883 reports of duplicates received")     \
	X(TCP_DSACK_OUT, "weir_tcp_dsacks_out_total", "RFC 2883 reports of duplicates sent")       \
	X(TCP_ECN_CE, "weir_tcp_ecn_marks_in_total", "Segments received with a congestion mark")   \
	X(TCP_ECN_REDUCED, "weir_tcp_ecn_reductions_total", "Windows reduced by the peer's echo")  \
	X(TCP_OOO, "weir_tcp_out_of_order_total", "Segments received out of order")                \
	X(TCP_ZERO_WINDOW_PROBE, "weir_tcp_zero_window_probes_total", "Window probes sent")        \
	X(TCP_DELAYED_ACK, "weir_tcp_delayed_acks_total", "ACKs sent by the delayed-ACK timer")    \
	X(TCP_CHALLENGE_ACK, "weir_tcp_challenge_acks_total", "RFC 5961 challenge ACKs sent")      \
	X(TCP_CHALLENGE_SKIP, "weir_tcp_challenge_acks_limited_total", "Challenge ACKs withheld")  \
	X(TCP_RST_SKIP, "weir_tcp_resets_limited_total", "RSTs to strangers withheld")             \
	X(TCP_COOKIE_SENT, "weir_tcp_syn_cookies_sent_total", "SYNs answered with a cookie")       \
	X(TCP_COOKIE_GOOD, "weir_tcp_syn_cookies_accepted_total", "Cookies that came back")        \
	X(TCP_OOO_FORGOTTEN, "weir_tcp_out_of_order_forgotten_total",                              \
	  "Segments given up for want of memory that had arrived out of order")                    \
	X(TCP_SHED_STALLED, "weir_tcp_shed_total{victim=\"stalled\"}",                             \
	  "Connections reset for want of memory")                                                  \
	X(TCP_SHED_LARGEST, "weir_tcp_shed_total{victim=\"largest\"}", "")                         \
	X(TCP_ORPHANS_DROPPED, "weir_tcp_orphans_dropped_total",                                   \
	  "Closed connections given up because too many were not over")                            \
	X(TCP_MTU_TOLD, "weir_tcp_mtu_lowered_total{by=\"icmp\"}",                                 \
	  "Segment sizes lowered: a router said so, or large packets vanish")                      \
	X(TCP_MTU_GUESSED, "weir_tcp_mtu_lowered_total{by=\"blackhole\"}", "")                     \
	X(TCP_KEEPALIVE, "weir_tcp_keepalives_total", "Keep-alive probes sent")                    \
	X(TCP_TIMEOUT, "weir_tcp_timeouts_total", "Connections given up on unanswered data")       \
	X(DROP_TCP_PAWS, "weir_tcp_drops_total{reason=\"paws\"}", "Segments dropped, by reason")   \
	X(DROP_TCP_WINDOW, "weir_tcp_drops_total{reason=\"window\"}", "")                          \
	X(DROP_TCP_ACK, "weir_tcp_drops_total{reason=\"ack\"}", "")                                \
	X(DROP_TCP_FLAGS, "weir_tcp_drops_total{reason=\"flags\"}", "")                            \
	X(DROP_TCP_RST, "weir_tcp_drops_total{reason=\"rst_sequence\"}", "")                       \
	X(DROP_TCP_OOO_FULL, "weir_tcp_drops_total{reason=\"reassembly_full\"}", "")               \
	X(DROP_TCP_BACKLOG, "weir_tcp_drops_total{reason=\"backlog_full\"}", "")                   \
	X(DROP_TCP_COOKIE, "weir_tcp_drops_total{reason=\"no_cookie\"}", "")                       \
	X(DROP_TCP_MEMORY, "weir_tcp_drops_total{reason=\"memory\"}", "")                          \
	X(DROP_TCP_NEW_MEMORY, "weir_tcp_drops_total{reason=\"memory_new\"}", "")                  \
	X(DROP_TCP_NO_CONN, "weir_tcp_drops_total{reason=\"connections_full\"}", "")               \
	X(DROP_TCP_CLOSED, "weir_tcp_drops_total{reason=\"closed_port\"}", "")

#define HTTP_COUNTERS(X)                                                                           \
	X(WORKER_REQUESTS, "weir_worker_requests_total", "Requests answered or forwarded")         \
	X(HTTP_MATCH_FAILURES, "weir_http_match_failures_total",                                   \
	  "Requests with a condition that could not be decided")                                   \
	X(HTTP_PARSE_ERRORS, "weir_http_parse_errors_total", "Requests refused by the parser")     \
	X(HTTP_LOCAL_REPLIES, "weir_http_local_replies_total", "Responses made by the gateway")    \
	X(CONNS_OVER_GLOBAL, "weir_connections_refused_total{limit=\"global\"}",                   \
	  "Client connections reset because there were as many as a limit allows")                 \
	X(CONNS_OVER_LISTENER, "weir_connections_refused_total{limit=\"listener\"}", "")           \
	X(CONNS_OVER_WORKER, "weir_connections_refused_total{limit=\"worker\"}", "")               \
	X(HTTP_SHED_CONNS, "weir_http_shed_total{what=\"connection\"}",                            \
	  "Given up for want of memory: idle connections, new requests")                           \
	X(HTTP_SHED_REQUESTS, "weir_http_shed_total{what=\"request\"}", "")                        \
	X(HTTP_RATE_LIMITED, "weir_http_rate_limited_total", "Requests refused by a rate limit")   \
	X(HTTP_UPGRADES, "weir_http_upgrades_total", "Connections turned into tunnels")            \
	X(SESSIONS, "weir_sessions_total", "Connections taken by TCP routes")                      \
	X(TUNNELS_REFUSED, "weir_tunnels_refused_total",                                           \
	  "Tunnels of TCP routes that the proxy did not grant, or not in time")                    \
	X(HTTP_CLIENT_ABORTS, "weir_http_client_aborts_total", "Clients gone before the end")      \
	X(PROXY_HEADERS, "weir_proxy_headers_total", "PROXY protocol headers accepted")            \
	X(PROXY_HEADERS_BAD, "weir_proxy_headers_refused_total{reason=\"malformed\"}",             \
	  "Connections closed for want of a PROXY protocol header, by reason")                     \
	X(PROXY_HEADERS_LATE, "weir_proxy_headers_refused_total{reason=\"timeout\"}", "")          \
	X(PROXY_HEADERS_CUT, "weir_proxy_headers_refused_total{reason=\"closed\"}", "")            \
	X(UPSTREAM_CONNECTS, "weir_upstream_connects_total", "Upstream connections opened")        \
	X(UPSTREAM_CONNECT_FAILS, "weir_upstream_connect_fails_total", "Upstream connects failed") \
	X(UPSTREAM_REUSES, "weir_upstream_reuses_total", "Requests on a pooled connection")        \
	X(UPSTREAM_RETRIES, "weir_upstream_retries_total", "Requests sent again")                  \
	X(RETRY_BODY_DROPPED, "weir_retry_bodies_dropped_total",                                   \
	  "Bodies too long, or too many, to be kept for another try")                              \
	X(MIRRORED, "weir_mirrored_total", "Requests copied to a mirror")                          \
	X(MIRROR_DROPPED, "weir_mirror_dropped_total",                                             \
	  "Copies that were not made, or not to their end, for want of room")                      \
	X(MIRROR_RESTED, "weir_mirror_rested_total",                                               \
	  "Copies that were not made because the mirror had refused connections")                  \
	X(UPSTREAM_RESETS, "weir_upstream_resets_total", "Upstream lost before its response")      \
	X(HTTP2_MEMORY_REFUSED, "weir_http2_memory_refused_total",                                 \
	  "Allocations of HTTP/2 that its bound had no room for")                                  \
	X(UPSTREAM_PROTOCOL_ERRORS, "weir_upstream_protocol_errors_total",                         \
	  "Upstream responses refused by the parser")                                              \
	X(HEALTH_CHECKS_STARTED, "weir_health_checks_started_total",                               \
	  "Active health checks that were put on the wire")                                        \
	X(HEALTH_CHECK_PASSED, "weir_health_checks_total{result=\"passed\"}",                      \
	  "Active health checks, by result")                                                       \
	X(HEALTH_CHECK_STATUS, "weir_health_checks_total{result=\"status\"}", "")                  \
	X(HEALTH_CHECK_ASKED, "weir_health_checks_total{result=\"asked\"}", "")                    \
	X(HEALTH_CHECK_REFUSED, "weir_health_checks_total{result=\"refused\"}", "")                \
	X(HEALTH_CHECK_RESET, "weir_health_checks_total{result=\"reset\"}", "")                    \
	X(HEALTH_CHECK_TIMEOUT, "weir_health_checks_total{result=\"timeout\"}", "")                \
	X(HEALTH_CHECK_PROTOCOL, "weir_health_checks_total{result=\"protocol\"}", "")              \
	X(HEALTH_CHECK_UNREACHABLE, "weir_health_checks_total{result=\"unreachable\"}", "")        \
	X(HEALTH_CHECKS_POSTPONED, "weir_health_checks_postponed_total",                           \
	  "Active health checks put off because too many were in flight, or for want of room")     \
	X(HEALTH_CHECKS_NO_MEMORY, "weir_health_checks_no_memory_total",                           \
	  "Snapshots whose active health checks were not all begun for want of memory")            \
	X(LOG_DROPPED, "weir_access_log_dropped_total", "Access log records that found no room")

#define WORKER_COUNTERS(X)                                                                         \
	X(WORKER_CYCLES_BUSY, "weir_worker_cycles_total{state=\"busy\"}", "TSC cycles, by state")  \
	X(WORKER_CYCLES_IDLE, "weir_worker_cycles_total{state=\"idle\"}", "")                      \
	X(WORKER_PASSES, "weir_worker_passes_total", "Turns of the poll loop")                     \
	X(WORKER_SLEEPS, "weir_worker_sleeps_total", "Times an adaptive worker slept")

/* Values that go up and down. */
#define GAUGES(X)                                                                                  \
	X(TCP_CURR_ESTAB, "weir_tcp_curr_estab", "RFC 4022 tcpCurrEstab")                          \
	X(TCP_CONNS, "weir_tcp_connections", "Connection records in use, any state")               \
	X(TCP_TIME_WAIT, "weir_tcp_time_wait", "Connections in TIME-WAIT")                         \
	X(TCP_ORPHANS, "weir_tcp_orphans", "Connections closed here that are not over")            \
	X(TCP_HALF_OPEN, "weir_tcp_half_open", "Connections in SYN-RECEIVED")                      \
	X(TCP_PRESSURE, "weir_tcp_memory_pressure", "0 ease, 1 scarce, 2 no data taken")           \
	X(HTTP_ACTIVE, "weir_http_active_requests", "Requests in progress")                        \
	X(SESSIONS_OPEN, "weir_sessions_open", "Connections of TCP routes")                        \
	X(HEALTH_CHECKS_ACTIVE, "weir_health_checks_in_flight",                                    \
	  "Active health checks on the wire")                                                      \
	X(UPSTREAM_IDLE, "weir_upstream_idle_connections", "Pooled upstream connections")

#define COUNTERS(X) NET_COUNTERS(X) TCP_COUNTERS(X) HTTP_COUNTERS(X) WORKER_COUNTERS(X) GAUGES(X)

enum counter_id {
#define X(id, name, help) CTR_##id,
	COUNTERS(X)
#undef X
		CTR_COUNT
};

/* One worker's page. Written by its worker alone, read by anybody. */
struct counters {
	uint64_t v[CTR_COUNT];
} WEIR_CACHE_ALIGNED;

/* A relaxed load and store, not a locked add: there is one writer. */
static inline void counter_add(struct counters *c, enum counter_id id, int64_t n)
{
	uint64_t v = __atomic_load_n(&c->v[id], __ATOMIC_RELAXED);

	__atomic_store_n(&c->v[id], v + (uint64_t)n, __ATOMIC_RELAXED);
}

static inline void counter_inc(struct counters *c, enum counter_id id)
{
	counter_add(c, id, 1);
}

static inline uint64_t counter_read(const struct counters *c, enum counter_id id)
{
	return __atomic_load_n(&c->v[id], __ATOMIC_RELAXED);
}
