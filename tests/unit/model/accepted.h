/* accepted.h - one row per text that must load without an error. */
#pragma once
#include "problems.h"

struct accepted {
	const char *name, *text;
};

struct accepted_table {
	const struct accepted *rows;
	size_t n;
};

extern const struct accepted_table accepted_virtual_services;
