/* dataplane.h - how the control thread starts, watches and stops the workers.
 *
 * ctrl/main.c is the only caller; dataplane/worker implements it. All calls come from the
 * control thread. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/addr.h>
#include <weir/capture.h>
#include <weir/congestion.h>
#include <weir/counters.h>
#include <weir/feedback.h>
#include <weir/path.h>
#include <weir/publish.h>

#define IFACE_ADDRS_MAX  16
#define IFACE_ROUTES_MAX 64

struct iface_route {
	struct ip_prefix to;
	struct ip_addr via;
};

enum iface_punt { IFACE_PUNT_NONE, IFACE_PUNT_TAP };

#define TAP_PREFIX   "weir-"
#define TAP_NAME_MAX 10 /* bytes of an interface's name that fit behind it */

#define BOND_MEMBERS_MAX 8

enum bond_mode {
	BOND_NONE, /* one device */
	BOND_ACTIVE_BACKUP,
	BOND_BALANCE, /* by hash, over a static aggregation of the switch */
	BOND_LACP,    /* the same, negotiated (IEEE 802.1AX) */
};

/* What a frame's way out depends on. */
enum bond_hash { BOND_LAYER2, BOND_LAYER23, BOND_LAYER34 };

/* Several devices as one. */
struct bond_config {
	enum bond_mode mode;
	enum bond_hash hash;
	uint32_t link_interval_ms; /* between looks at members that do not tell */
	unsigned n_members;
	const char *members[BOND_MEMBERS_MAX]; /* each as iface_config.device; borrowed */
};

struct iface_config {
	char name[32];
	char device[256]; /* PCI address or "driver,args" of a vdev; of a bond: what it is */
	struct bond_config bond;
	uint16_t mtu;  /* bytes of an IP packet */
	uint16_t vlan; /* 802.1Q tag; 0: untagged. Interfaces may share a device then */
	uint16_t n_addrs, n_routes;
	enum iface_punt punt;                    /* who gets what weir does not own */
	uint32_t punt_rate;                      /* packets a second, each way */
	bool kernel_echoes;                      /* with punt: the kernel answers echo requests */
	struct ip_prefix addrs[IFACE_ADDRS_MAX]; /* own address and the on-link prefix */
	struct iface_route routes[IFACE_ROUTES_MAX];
	/* IPv6 only. */
	uint8_t dad_transmits;    /* questions whether an address is taken (RFC 4862); 0: none */
	bool router_solicitation; /* ask for routers, believe what they advertise */
};

enum idle_mode { IDLE_ADAPTIVE, IDLE_POLL };

enum fragments_mode { FRAGMENTS_REASSEMBLE, FRAGMENTS_DROP };

/* Times in microseconds; 0 = no limit, where it says so. */
struct http_config {
	uint64_t idle_timeout_us;        /* client connection without a request; 0 = none */
	uint64_t header_timeout_us;      /* from the first byte of a head to its last; 0 = none */
	uint64_t stream_idle_timeout_us; /* request in progress, no byte either way; 0 = none */
	uint32_t max_header_bytes;       /* head of a request or response */
	uint16_t max_headers;
	bool accept_http10;
	enum path_normalization path_normalization;
};

/* When a SYN is answered without state (RFC 4987). */
enum syn_cookies { SYN_COOKIES_AUTO, SYN_COOKIES_NEVER, SYN_COOKIES_ALWAYS };

/* Of one worker, where it is a number. */
struct tcp_settings {
	enum congestion congestion;
	bool ecn; /* for peers that ask (RFC 3168) */
	enum syn_cookies cookies;
	uint32_t half_open;        /* handshakes remembered; beyond them cookies */
	uint32_t time_waits;       /* at most; beyond them the oldest is forgotten */
	uint64_t time_wait_us;     /* 2 MSL */
	uint64_t keepalive_us;     /* idle time before probes; 0 = none */
	uint64_t zero_window_us;   /* a peer that answers but takes nothing; 0 = for ever */
	uint64_t rcv_buf, snd_buf; /* bytes, one connection, each way */
};

struct dataplane_config {
	unsigned n_workers;
	enum idle_mode idle;
	enum fragments_mode fragments;
	uint32_t max_connections; /* over all workers */
	uint32_t max_downstream;  /* client connections over all workers; 0: as many as fit */
	uint64_t memory;          /* bytes for EAL and pools */
	unsigned n_ifaces;
	struct iface_config ifaces[WEIR_PORTS_MAX];
	struct http_config http;
	struct tcp_settings tcp;
	bool access_log;
};

struct dataplane;

/* Opens the devices and makes the workers' state; they do not run yet. On failure returns
 * NULL and writes one sentence that says what failed and what to do into err. The EAL is up,
 * with one worker lcore for each of n_workers. `cell` is borrowed until destroy. */
struct dataplane *dataplane_create(const struct dataplane_config *cfg, struct publish_cell *cell,
				   char *err, size_t err_len);

/* Launches the workers; returns when all of them poll. */
void dataplane_start(struct dataplane *dp);

/* Makes sleeping workers look around now: after a publication. */
void dataplane_wake(struct dataplane *dp);

/* Stops accepting connections; those in progress finish. dataplane_idle() says when the
 * last one is gone. */
void dataplane_drain(struct dataplane *dp);
bool dataplane_idle(const struct dataplane *dp);

/* Ends the poll loops and waits for them. */
void dataplane_stop(struct dataplane *dp);
void dataplane_destroy(struct dataplane *dp);

/* From now on workers copy packets to c, which is borrowed until another call; NULL: to nowhere.
 * Returns when no worker writes to the one before any more. */
void dataplane_capture(struct dataplane *dp, struct capture *c);

/* An own IPv6 address that is not used because another host has it, and the interface's name
 * (borrowed); each is told once. False: no more. */
bool dataplane_next_duplicate(struct dataplane *dp, const char **iface, struct ip_addr *ip);

/* Whether a device of an interface's bond can carry: its link is up and, with LACP, the partner
 * has taken it in. For reading at any time; false before the workers run. */
bool dataplane_member_up(const struct dataplane *dp, unsigned iface, unsigned member);

/* The workers' clock: microseconds, the same for all of them. */
uint64_t dataplane_now_us(const struct dataplane *dp);

/* What the workers count, for reading at any time. */
unsigned dataplane_workers(const struct dataplane *dp);
const struct counters *dataplane_counters(const struct dataplane *dp, unsigned worker);
const struct request_stats *dataplane_requests(const struct dataplane *dp, unsigned worker);
struct log_ring *dataplane_log_ring(struct dataplane *dp, unsigned worker);
uint32_t dataplane_mbufs_in_use(const struct dataplane *dp);
uint32_t dataplane_mbufs_total(const struct dataplane *dp);
