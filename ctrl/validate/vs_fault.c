/* vs_fault.c - http[].fault: delays and aborts (reference 2.4.7). */
#include <validate/vs.h>

#include <string.h>

#include <common/grpc.h>

/* Comparisons that also refuse what is no number. */
void check_percentage(struct check *c, const struct percent *p)
{
	size_t outer, mark;

	if (!p)
		return;
	outer = check_field(c, "percentage");
	mark = check_field(c, "value");
	if (p->value != 0 && !(p->value >= 0.0001 && p->value <= 100))
		check_report(c, DIAG_VS_PERCENT, "%g is no share in percent: 0, or 0.0001 to 100",
			     p->value);
	check_leave(c, mark);
	check_leave(c, outer);
}

static void refuse_kind(struct check *c, const char *field, const char *instead)
{
	size_t mark = check_field(c, field);

	check_report(c, DIAG_VS_FAULT_UNKNOWN, "%s has no implementation in Istio either: use %s",
		     field, instead);
	check_leave(c, mark);
}

static void check_delay(struct check *c, const struct fault_delay *d)
{
	size_t mark = check_field(c, "delay");

	check_percentage(c, d->percentage);
	if (d->has_exponential)
		refuse_kind(c, "exponentialDelay", "fixedDelay");
	else if (!d->has_fixed)
		check_report(c, DIAG_VS_FAULT_KIND,
			     "the delay does not say how long: without fixedDelay there is none");
	check_leave(c, mark);
}

static void check_grpc_status(struct check *c, const char *status)
{
	size_t mark = check_field(c, "grpcStatus");

	if (grpc_status_of(status) < 0)
		check_report(c, DIAG_VS_GRPC_STATUS,
			     "\"%s\" is no gRPC status: write its name, such as UNAVAILABLE",
			     status);
	check_leave(c, mark);
}

static void check_abort(struct check *c, const struct fault_abort *a)
{
	size_t mark = check_field(c, "abort");

	check_percentage(c, a->percentage);
	if (a->http2_error)
		refuse_kind(c, "http2Error", "httpStatus or grpcStatus");
	else if (a->grpc_status)
		check_grpc_status(c, a->grpc_status);
	else if (a->has_http_status)
		check_status(c, "httpStatus", a->http_status);
	else
		check_report(c, DIAG_VS_FAULT_KIND,
			     "the abort does not say with what: without httpStatus or grpcStatus "
			     "there is none");
	check_leave(c, mark);
}

void check_fault(struct check *c, const struct http_fault *f)
{
	size_t mark;

	if (!f)
		return;
	mark = check_field(c, "fault");
	if (!f->delay && !f->abort)
		check_report(c, DIAG_VS_FAULT_EMPTY, "a fault needs a delay, an abort or both");
	if (f->delay)
		check_delay(c, f->delay);
	if (f->abort)
		check_abort(c, f->abort);
	check_leave(c, mark);
}
