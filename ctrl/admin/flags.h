/* flags.h - response flags as Envoy prints them (istio/reference 8.3). */
#pragma once
#include <stdint.h>

#define FLAGS_TEXT_MAX 96

/* "UH,URX", or "-" when there are none; buf: at least FLAGS_TEXT_MAX. Returns buf. */
char *flags_format(uint32_t flags, char *buf);
