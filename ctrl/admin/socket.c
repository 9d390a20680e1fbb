/* socket.c - see socket.h. */
#include "socket.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static int fail(char *err, size_t err_len, const char *addr, const char *why)
{
	snprintf(err, err_len, "cannot listen on %s: %s", addr, why);
	return -1;
}

/* ---- TCP ---- */

/* Splits "host:port", "[v6]:port"; host is cut in place. */
static bool split_host_port(char *addr, char **host, char **port)
{
	char *colon = strrchr(addr, ':');

	if (!colon || !colon[1])
		return false;
	*colon = '\0';
	*port = colon + 1;
	*host = addr;
	if (addr[0] == '[') {
		char *end = strchr(addr, ']');

		if (!end || end[1])
			return false;
		*end = '\0';
		*host = addr + 1;
	}
	return **host != '\0';
}

static int open_tcp(const struct addrinfo *ai)
{
	int one = 1, saved;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int admin_listen_tcp(const char *addr, char *err, size_t err_len)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found;
	char copy[300], *host, *port;
	int fd, rc;

	if (snprintf(copy, sizeof(copy), "%s", addr) >= (int)sizeof(copy) ||
	    !split_host_port(copy, &host, &port))
		return fail(err, err_len, addr, "write it as HOST:PORT");
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		return fail(err, err_len, addr, gai_strerror(rc));
	fd = open_tcp(found);
	rc = errno;
	freeaddrinfo(found);
	return fd >= 0 ? fd : fail(err, err_len, addr, strerror(rc));
}

/* ---- unix ---- */

static void make_parents(const char *path)
{
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return;
	/* What cannot be made shows when the socket is bound. */
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(dir, 0755);
		*p = '/';
	}
}

/* False: somebody listens there, or it is no socket and not ours to remove. */
static bool clear_stale(const struct sockaddr_un *sun)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(sun->sun_path, &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0 &&
		errno == ECONNREFUSED;
	close(fd);
	return stale && unlink(sun->sun_path) == 0;
}

int admin_listen_unix(const char *path, char *err, size_t err_len)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, saved;

	if (strlen(path) >= sizeof(sun.sun_path))
		return fail(err, err_len, path, "the path of a socket has at most 107 bytes");
	strcpy(sun.sun_path, path);
	make_parents(path);
	if (!clear_stale(&sun))
		return fail(err, err_len, path,
			    "another process listens there, or it is not a socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(err, err_len, path, strerror(errno));
	/* Nobody can connect before listen(), so the mode is never wider than meant. */
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 && chmod(path, 0660) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	return fail(err, err_len, path, strerror(saved));
}
