/* report.h - what the process has to say, on stderr. */
#pragma once

/* "2026-01-02T03:04:05.678Z weir: message" */
void report_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
