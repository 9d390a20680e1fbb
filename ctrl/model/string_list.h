/* string_list.h - a list of strings as it was written. */
#pragma once
#include <stdint.h>

#include <common/diag.h>

struct string_list {
	uint32_t n;
	const char **items;
	struct pos *pos; /* one per item */
};
