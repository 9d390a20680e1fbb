/* outlier.h - which endpoints are out, by outlierDetection and by active checks (health.h), what is
 * counted to decide it, and how old they are.
 *
 * State belongs to an endpoint's name within its cluster and outlives snapshots. Workers count
 * and eject; the control thread's sweep lets endpoints back in. Times are of the clock that
 * all workers and dataplane_now_us() share. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/health.h>

/* Thresholds of 0 are off. */
struct outlier_policy {
	uint32_t consecutive_5xx;
	uint32_t consecutive_gateway; /* 502, 503, 504 */
	uint32_t consecutive_local;   /* connect failures, resets; with split_local only */
	bool split_local;
	bool always_one;  /* the first ejection ignores max_ejection_percent (istio/reference D5) */
	bool unforgiving; /* sweeps do not lower the multiplier (3.6, as in Istio 0.8) */
	uint8_t max_ejection_percent, min_health_percent;
	uint32_t n_codes; /* 0: every 5xx is an error, else only the statuses in codes */
	uint64_t interval_us, base_ejection_us, max_ejection_us;
	uint64_t codes[10];
};

/* Of one cluster. */
struct outlier_state {
	uint32_t ejected; /* endpoints that are out */
	uint32_t swept;   /* the control thread's: it has been swept before */
	uint64_t next_sweep_us;
	uint64_t ejections; /* ever */
	uint64_t refused;   /* by maxEjectionPercent */
};

#define ENDPOINT_WARM UINT64_MAX

/* Of one endpoint; a line each, because workers write to it on errors only but read `ejected`
 * and `state` with every pick. */
struct endpoint_health {
	uint32_t ejected;                                  /* 1: load balancing leaves it out */
	uint32_t errors_5xx, errors_gateway, errors_local; /* in a row */
	uint32_t multiplier; /* of the base ejection time: raised by ejections, lowered by sweeps */
	uint32_t state;      /* enum health_state: of active checks */
	uint64_t until_us;   /* while ejected */
	uint64_t ejections;
	uint64_t since_us; /* warm-up: when a worker first considered it; 0, or ENDPOINT_WARM */
	struct check_record record WEIR_CACHE_ALIGNED;
} WEIR_CACHE_ALIGNED;

static inline bool endpoint_is_ejected(const struct endpoint_health *h)
{
	return h && __atomic_load_n(&h->ejected, __ATOMIC_RELAXED);
}

static inline enum health_state endpoint_health_state(const struct endpoint_health *h)
{
	return h ? (enum health_state)__atomic_load_n(&h->state, __ATOMIC_RELAXED) : HEALTH_WELL;
}

static inline bool outlier_has_code(const struct outlier_policy *p, uint16_t status)
{
	return status < 640 && (p->codes[status / 64] >> (status % 64) & 1);
}
