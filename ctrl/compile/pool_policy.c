/* pool_policy.c - decides what an absent field means. */
#include <compile/pool_policy.h>

#include <math.h>

#define SECOND_US          (1000ull * 1000)
#define CONNECT_TIMEOUT_US (10 * SECOND_US)
#define IDLE_TIMEOUT_US    (3600 * SECOND_US)

#define CONCURRENT_STREAMS 1024 /* Envoy's */

#define RETRIES_PERCENT 20
#define RETRIES_MIN     3
#define PROXY_VERSION   1

#define CONSECUTIVE_ERRORS   5
#define EJECTION_INTERVAL_US (10 * SECOND_US)
#define BASE_EJECTION_US     (30 * SECOND_US)
#define MAX_EJECTION_US      (300 * SECOND_US) /* unless the base is longer */
#define MAX_EJECTION_PERCENT 10

static uint32_t limit(int32_t v)
{
	return v > 0 ? (uint32_t)v : BREAKER_NO_LIMIT;
}

/* Of connections of TCP routes; 0: for ever. */
static uint64_t tcp_idle(const struct pool_settings *p)
{
	return p->has_tcp_idle ? p->tcp_idle_timeout_us : IDLE_TIMEOUT_US;
}

/* Of idle pooled connections; likewise. */
static uint64_t idle_timeout(const struct pool_settings *p)
{
	return p->http_idle_timeout_us ? p->http_idle_timeout_us : tcp_idle(p);
}

/* Whole seconds, as TCP's options have them; what is left out stays 0. */
static uint16_t seconds(uint64_t us)
{
	return (uint16_t)((us + SECOND_US - 1) / SECOND_US);
}

static void resolve_pool(const struct pool_settings *p, struct cluster_policy *out)
{
	out->connect_timeout_us =
		p->connect_timeout_us ? p->connect_timeout_us : CONNECT_TIMEOUT_US;
	out->idle_timeout_us = idle_timeout(p);
	out->tcp_idle_us = tcp_idle(p);
	out->max_connection_us = p->max_connection_duration_us;
	out->max_requests_per_connection = (uint32_t)p->max_requests_per_connection;
	out->has_keepalive = p->has_keepalive;
	out->keepalive = (struct tcp_keepalive){
		.time_s = seconds(p->keepalive_time_us),
		.interval_s = seconds(p->keepalive_interval_us),
		.probes = (uint8_t)p->keepalive_probes,
	};
	out->limits = (struct breaker_limits){
		.connections = limit(p->max_connections),
		.pending = limit(p->max_pending_requests),
		.requests = limit(p->max_requests),
		.retries = limit(p->max_retries),
	};
}

/* What the port says goes before h2UpgradePolicy, which is about ports of HTTP. The client's
 * protocol, where that is asked for, is HTTP/1.1. */
static bool speaks_http2(const struct pool_settings *p, enum port_protocol port)
{
	if (p->use_client_protocol)
		return false;
	return port_protocol_is_http2(port) || p->h2_upgrade == MODEL_H2_UPGRADE;
}

static void resolve_http2(const struct pool_settings *p, enum port_protocol port,
			  struct cluster_policy *out)
{
	out->has_http2 = speaks_http2(p, port);
	if (!out->has_http2)
		return;
	out->http2.max_streams = p->max_concurrent_streams > 0 ? (uint32_t)p->max_concurrent_streams
							       : CONCURRENT_STREAMS;
	if (!p->has_http2_keepalive)
		return;
	out->http2.ping_interval_us = p->http2_keepalive_interval_us;
	out->http2.ping_timeout_us = p->http2_keepalive_timeout_us;
}

/* The old consecutiveErrors counts when neither of today's fields is there (D4, B236). */
static uint32_t consecutive_5xx(const struct outlier_settings *o)
{
	if (o->has_5xx)
		return o->consecutive_5xx;
	if (!o->has_gateway && o->consecutive_old)
		return (uint32_t)o->consecutive_old;
	return CONSECUTIVE_ERRORS;
}

static void resolve_outlier(const struct outlier_settings *o, bool compat_08,
			    struct outlier_policy *out)
{
	*out = (struct outlier_policy){
		.consecutive_5xx = consecutive_5xx(o),
		.consecutive_gateway = o->consecutive_gateway,
		.split_local = o->split_local,
		.always_one = compat_08,
		.unforgiving = compat_08,
		.max_ejection_percent = (uint8_t)(o->max_ejection_percent ? o->max_ejection_percent
									  : MAX_EJECTION_PERCENT),
		.min_health_percent = (uint8_t)o->min_health_percent,
		.n_codes = o->codes.n,
		.interval_us = o->interval_us ? o->interval_us : EJECTION_INTERVAL_US,
		.base_ejection_us = o->base_ejection_us ? o->base_ejection_us : BASE_EJECTION_US,
	};
	if (o->split_local)
		out->consecutive_local = o->has_local ? o->consecutive_local : CONSECUTIVE_ERRORS;
	if (compat_08)
		out->max_ejection_us = UINT64_MAX;
	else
		out->max_ejection_us = out->base_ejection_us > MAX_EJECTION_US
					       ? out->base_ejection_us
					       : MAX_EJECTION_US;
	static_assert(sizeof(out->codes) == sizeof(o->codes.bits), "one bit a status");
	memcpy(out->codes, o->codes.bits, sizeof(out->codes));
}

/* A budget stands in for maxRetries. */
static void resolve_budget(const struct retry_budget *r, struct breaker_limits *out)
{
	double percent = r->has_percent ? r->percent : RETRIES_PERCENT;

	out->retries = BREAKER_NO_LIMIT;
	out->retries_share = (uint32_t)lround(percent * (BREAKER_SHARE_WHOLE / 100));
	out->retries_min = r->min_concurrency ? r->min_concurrency : RETRIES_MIN;
}

void pool_policy_resolve(const struct traffic_policy *p, enum port_protocol port, bool compat_08,
			 struct cluster_policy *out)
{
	resolve_pool(&p->pool, out);
	resolve_http2(&p->pool, port, out);
	if (p->has_retry_budget)
		resolve_budget(&p->retry_budget, &out->limits);
	if (p->has_proxy_protocol)
		out->proxy_version = (uint8_t)(p->proxy_version ? p->proxy_version : PROXY_VERSION);
	out->has_tunnel = p->has_tunnel;
	out->tunnel = p->tunnel;
	out->has_outlier = p->has_outlier_detection;
	if (p->has_outlier_detection)
		resolve_outlier(&p->outlier, compat_08, &out->outlier);
}

/* Nothing of it but what is written in the request. */
static bool is_post(const struct tunnel_settings *t)
{
	return t->protocol && strcmp(t->protocol, "POST") == 0;
}

static const char *tunnel_target(struct arena *a, const struct tunnel_settings *t)
{
	const char *form = strchr(t->target_host, ':') ? "[%s]:%u" : "%s:%u";

	return arena_printf(a, form, t->target_host, t->target_port);
}

/* As Envoy asks. */
const struct tunnel *pool_policy_tunnel(struct arena *a, const struct cluster_policy *p)
{
	struct tunnel *t;

	if (!p->has_tunnel)
		return NULL;
	t = arena_alloc(a, sizeof(*t));
	t->post = is_post(&p->tunnel);
	t->target = tunnel_target(a, &p->tunnel);
	t->request = t->post ? arena_printf(a,
					    "POST / HTTP/1.1\r\nhost: %s\r\n"
					    "transfer-encoding: chunked\r\n\r\n",
					    t->target)
			     : arena_printf(a, "CONNECT %s HTTP/1.1\r\nhost: %s\r\n\r\n", t->target,
					    t->target);
	t->len = (uint32_t)strlen(t->request);
	return t;
}

static void key_tunnel(struct cache_key *k, const struct tunnel_settings *t)
{
	cache_key_number(k, is_post(t));
	cache_key_string(k, t->target_host);
	cache_key_number(k, t->target_port);
}

static void key_outlier(struct cache_key *k, const struct outlier_policy *o)
{
	cache_key_number(k, o->consecutive_5xx);
	cache_key_number(k, o->consecutive_gateway);
	cache_key_number(k, o->consecutive_local);
	cache_key_number(k, o->split_local);
	cache_key_number(k, o->max_ejection_percent);
	cache_key_number(k, o->min_health_percent);
	cache_key_number(k, o->interval_us);
	cache_key_number(k, o->base_ejection_us);
	for (unsigned i = 0; i < sizeof(o->codes) / sizeof(o->codes[0]); i++)
		cache_key_number(k, o->codes[i]);
}

void pool_policy_key(struct cache_key *k, const struct cluster_policy *p)
{
	cache_key_number(k, p->connect_timeout_us);
	cache_key_number(k, p->idle_timeout_us);
	cache_key_number(k, p->tcp_idle_us);
	cache_key_number(k, p->max_connection_us);
	cache_key_number(k, p->max_requests_per_connection);
	cache_key_number(k, (uint64_t)p->has_keepalive << 48 | (uint64_t)p->keepalive.probes << 32 |
				    (uint64_t)p->keepalive.time_s << 16 | p->keepalive.interval_s);
	cache_key_number(k, p->limits.connections);
	cache_key_number(k, p->limits.pending);
	cache_key_number(k, p->limits.requests);
	cache_key_number(k, p->limits.retries);
	cache_key_number(k, p->limits.retries_share);
	cache_key_number(k, p->limits.retries_min);
	cache_key_number(k, p->has_http2);
	if (p->has_http2) {
		cache_key_number(k, p->http2.max_streams);
		cache_key_number(k, p->http2.ping_interval_us);
		cache_key_number(k, p->http2.ping_timeout_us);
	}
	cache_key_number(k, p->proxy_version);
	cache_key_number(k, p->has_tunnel);
	if (p->has_tunnel)
		key_tunnel(k, &p->tunnel);
	cache_key_number(k, p->has_outlier);
	if (p->has_outlier)
		key_outlier(k, &p->outlier);
}
