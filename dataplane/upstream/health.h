/* health.h - what the results of an endpoint's active checks make of its state (istio/reference
 * 6.2; Envoy's rules for checks of kind envoy). */
#pragma once
#include <weir/cluster.h>

/* A check is over; status is that of the answer, 0 without one. For the one worker that checks the
 * endpoint. */
void health_report(const struct health_check *k, struct endpoint_health *h, struct check_tally *t,
		   enum check_result r, uint16_t status);

/* The endpoint asked, in its answer to a request, to be left alone. For any worker. */
void health_leave_alone(struct endpoint_health *h, struct check_tally *t);
