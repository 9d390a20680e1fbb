/* fdscan.c - the difference between two looks at /proc/self/fd. */
#include "fdscan.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

void fdscan_take(struct fdscan *s)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	memset(s, 0, sizeof(*s));
	if (!dir)
		return;
	while ((e = readdir(dir))) {
		unsigned long fd = strtoul(e->d_name, NULL, 10);

		if (e->d_name[0] != '.' && fd < FDSCAN_MAX && fd != (unsigned long)dirfd(dir))
			s->open[fd / 64] |= 1ull << (fd % 64);
	}
	closedir(dir);
}

static enum fdscan_kind classify(int fd)
{
	char link[32], target[32] = "";
	socklen_t len = sizeof(int);
	int domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0)
		return domain == AF_XDP      ? FDSCAN_XDP
		       : domain == AF_PACKET ? FDSCAN_PACKET
					     : FDSCAN_OTHER;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, target, sizeof(target) - 1) > 0 && !strcmp(target, "/dev/net/tun"))
		return FDSCAN_TUN;
	return FDSCAN_OTHER;
}

unsigned fdscan_find_new(const struct fdscan *before, enum fdscan_kind kind, int *fds, unsigned max)
{
	struct fdscan now;
	unsigned n = 0;

	fdscan_take(&now);
	for (int fd = 0; fd < FDSCAN_MAX && n < max; fd++) {
		uint64_t bit = 1ull << (fd % 64);
		enum fdscan_kind found;

		if (!(now.open[fd / 64] & bit) || (before->open[fd / 64] & bit))
			continue;
		found = classify(fd);
		if (found != FDSCAN_OTHER && (kind == FDSCAN_OTHER || found == kind))
			fds[n++] = fd;
	}
	return n;
}
