/* server.h - the admin API: HTTP over kernel sockets, answered by the control loop.
 *
 * Everything runs on the thread that calls admin_run(): no locks. The number of connections,
 * their idle time, a request's size and the answers in memory are bounded. */
#pragma once
#include <stddef.h>

#include "state.h"

struct admin;

#define ADMIN_SOCKETS_MAX 2

/* listen: "host:port"; socket_path: a unix socket; each "" for none. state is borrowed until
 * destroy. On failure returns NULL and a sentence in err. */
struct admin *admin_create(const struct admin_state *state, const char *listen,
			   const char *socket_path, char *err, size_t err_len);
void admin_destroy(struct admin *a); /* NULL is fine; removes the socket's file */

/* Descriptors that are readable when admin_run() has something to do. Returns how many. */
unsigned admin_fds(const struct admin *a, int fds[ADMIN_SOCKETS_MAX]);
void admin_run(struct admin *a);
/* Milliseconds after which admin_run() is due at the latest; -1: no limit. */
int admin_timeout_ms(const struct admin *a);
