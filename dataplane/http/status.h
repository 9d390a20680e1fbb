/* status.h - reason phrases of status codes (RFC 9110 15 and the IANA registry). */
#pragma once
#include <base/slice.h>

/* "OK" of 200; "Unknown" for codes without a registered phrase. */
struct slice http_reason(uint16_t status);
