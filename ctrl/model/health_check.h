/* health_check.h - active health checks as they are written: the probe of a WorkloadGroup
 * (istio/reference 6.2), and weir's annotations on a ServiceEntry or Service. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <common/diag.h>
#include <model/string_list.h>

struct probe_header {
	const char *name, *value;
	struct pos pos;
};

enum probe_scheme { PROBE_HTTP, PROBE_HTTPS };

struct http_probe {
	const char *path, *host; /* NULL */
	uint32_t port;           /* 0 = absent: an error */
	int scheme;              /* enum probe_scheme */
	uint32_t n_headers;
	struct probe_header *headers;
	struct pos pos;
};

struct tcp_probe {
	const char *host; /* NULL */
	uint32_t port;
	struct pos pos;
};

struct exec_probe {
	struct string_list command;
	struct pos pos;
};

struct grpc_probe {
	uint32_t port;
	const char *service;
	struct pos pos;
};

/* Numbers that are absent, or 0, have the defaults of reference 6.2. */
struct probe {
	int32_t initial_delay_s, timeout_s, period_s, success_threshold, failure_threshold;
	struct http_probe *http; /* one of the four is set */
	struct tcp_probe *tcp;
	struct exec_probe *exec;
	struct grpc_probe *grpc;
	struct pos pos;
};

enum check_settings_kind { CHECK_SETTINGS_NONE, CHECK_SETTINGS_HTTP, CHECK_SETTINGS_TCP };

/* weir.io/health-check and its companions. */
struct check_settings {
	int kind; /* enum check_settings_kind */
	const char *path;
	const char *host; /* NULL: the service's */
	uint32_t port;    /* 0: where the endpoint serves */
	uint64_t interval_us, timeout_us;
	uint32_t healthy_threshold, unhealthy_threshold;
	const char *statuses; /* "200-399,404": common/statuses.h */
};
