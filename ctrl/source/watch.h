/* watch.h - notices when resource directories change, and when a change is complete.
 *
 * One inotify descriptor over all directories. Events of one burst are one change; a file
 * that somebody is still writing is waited for. Time is an argument: nothing here sleeps. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch;

#define SOURCE_CHANGES_MAX 64

/* The files that a change is about. They may have come, gone or changed. */
struct source_changes {
	bool all; /* more than the list can say: everything is to be read again */
	size_t n;
	struct source_change {
		size_t dir; /* index of the directory */
		char name[NAME_MAX + 1];
	} items[SOURCE_CHANGES_MAX];
};

/* A change settles for this long before it is due, but not longer than the second. */
#define WATCH_SETTLE_US 8000u
#define WATCH_BURST_US  50000u
/* While a file is being written a change is due after this long at the latest. */
#define WATCH_WRITER_US 2000000u
/* How often watch_rescan() wants to be called. */
#define WATCH_RESCAN_US 250000u
#define WATCH_NEVER     UINT64_MAX

/* dirs are copied; they need not exist yet. Returns 0 or -errno. */
int watch_create(struct watch **out, const char *const *dirs, size_t n_dirs);
void watch_destroy(struct watch *w); /* NULL is fine */

/* Readable when there are events for watch_drain(). */
int watch_fd(const struct watch *w);
void watch_drain(struct watch *w, uint64_t now_us);

/* Finds directories that came, went, or became another one behind the same path (a symbolic
 * link or a mount): inotify follows the inode, weir follows the path. */
void watch_rescan(struct watch *w, uint64_t now_us);

/* When the pending change should be read; WATCH_NEVER when there is none. */
uint64_t watch_due_us(const struct watch *w);
/* The change is about to be read: what happens from here on is the next one. */
void watch_take(struct watch *w, struct source_changes *out);
