/* fresh.h - w, the world of a test program, made anew for each test that T() lists: health and age
 * belong to names and would outlive their test. */
#pragma once
#include "world.h"

static struct world w;

static inline int setup(void **state)
{
	(void)state;
	world_init(&w, NULL);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	world_fini(&w);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
