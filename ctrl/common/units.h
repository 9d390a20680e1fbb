/* units.h - durations and sizes as people write them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* A Go duration: decimal numbers each with ns, us, ms, s, m or h ("1.5s", "1m30s"), or "0".
 * Stores nanoseconds; false when it is malformed or exceeds 2^63 ns. */
bool duration_parse(const char *s, int64_t *out_ns);

/* A whole number with an optional unit: KiB, MiB, GiB, KB, MB, GB, B. */
bool size_parse(const char *s, uint64_t *out_bytes);
