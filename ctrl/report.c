/* report.c - one write per line, so that lines of several processes do not mix. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void report_line(const char *fmt, ...)
{
	struct timespec now;
	struct tm tm;
	char stamp[32], message[1024];
	va_list ap;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s.%03ldZ weir: %s\n", stamp, now.tv_nsec / 1000000, message);
}
