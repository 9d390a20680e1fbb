/* socket.h - the kernel sockets that the admin API listens on. */
#pragma once
#include <stddef.h>

/* Both return a listening, non-blocking descriptor, or -1 with a sentence in err. */

/* addr: "127.0.0.1:15000", "[::1]:15000" or "localhost:15000". */
int admin_listen_tcp(const char *addr, char *err, size_t err_len);

/* Creates missing parent directories and takes over the path of a socket that nobody listens
 * on any more; one in use is an error. Mode 0660: the group may talk to it. */
int admin_listen_unix(const char *path, char *err, size_t err_len);
