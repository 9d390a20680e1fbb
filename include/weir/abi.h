/* abi.h - what ctrl and dataplane agree on before anything else: limits and layout.
 *
 * Everything under include/weir/ is the contract between the control thread, which
 * builds and publishes immutable snapshots, and the workers, which only read them.
 * The two halves never include each other's headers. */
#pragma once
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_VERSION "0.1.0"

#define WEIR_CACHE_LINE  64
#define WEIR_WORKERS_MAX 64
#define WEIR_PORTS_MAX   16

#define WEIR_CACHE_ALIGNED __attribute__((aligned(WEIR_CACHE_LINE)))

/* An id that names nothing: ids index per-worker arrays and survive snapshot swaps. */
#define WEIR_ID_NONE UINT32_MAX
