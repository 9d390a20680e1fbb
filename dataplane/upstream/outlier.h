/* outlier.h - what an endpoint's answers, and their absence, say of it (istio/reference 3.6).
 *
 * Any worker's report may be the one that ejects; it does so at once, and the others see it with
 * their next pick. Only for clusters with outlier detection. */
#pragma once
#include <weir/cluster.h>

/* A response came. */
void outlier_report_status(const struct cluster *c, struct endpoint_health *h, uint16_t status,
			   uint64_t now_us);
/* A connection was opened for bytes that say nothing of how they are served. */
void outlier_report_connected(const struct cluster *c, struct endpoint_health *h);
/* None came: no connection, one that broke, or the time was over. */
void outlier_report_failure(const struct cluster *c, struct endpoint_health *h, uint64_t now_us);
