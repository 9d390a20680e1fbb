/* access_log.c - owns the log's descriptor and the lines that are not written yet. */
#include "access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

/* No record is taken while more than this waits to be written... */
#define BUFFER_BYTES (1u << 20)
/* ...and a line is never longer: each byte of a record's text becomes at most six. */
#define LINE_MAX_BYTES (16u << 10)
static_assert(LINE_MAX_BYTES > 6 * LOG_TEXT_MAX + 4096, "the longest line fits");

/* How to write without waiting. */
enum sink {
	SINK_OWN,    /* opened by us: O_NONBLOCK is ours alone */
	SINK_SOCKET, /* inherited: MSG_DONTWAIT */
	SINK_SHARED, /* inherited: others rely on it blocking, so ask poll before */
};

struct access_log {
	int fd;
	enum sink sink;
	enum log_format format;
	bool torn; /* the last line was cut by an error */
	char *path;
	struct text buf;
	uint64_t lines, lost;
};

static int standard_stream(const char *path)
{
	if (strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	return strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO : -1;
}

static mode_t file_type(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

/* A new open file description, even of a terminal or pipe that is our stdout, so that O_NONBLOCK
 * does not reach other programs on it. Not of a regular file (`weir > log 2>&1`): two
 * descriptions have two offsets, and each would write over what the other wrote. Nor of what
 * cannot be opened by name: a socket (journald), a terminal of somebody else. */
static int open_sink(const char *path, enum sink *sink)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int standard = standard_stream(path), err, fd;
	mode_t type = file_type(standard);

	*sink = SINK_OWN;
	if (type != S_IFREG) {
		fd = open(path, flags, 0640);
		err = errno;
		if (fd >= 0 || standard < 0)
			return fd >= 0 ? fd : -err;
	}
	*sink = type == S_IFSOCK ? SINK_SOCKET : SINK_SHARED;
	fd = fcntl(standard, F_DUPFD_CLOEXEC, 3);
	return fd >= 0 ? fd : -errno;
}

struct access_log *access_log_open(const char *path, enum log_format format, char *err,
				   size_t err_len)
{
	struct access_log *l = calloc(1, sizeof(*l));
	int fd = l ? open_sink(path, &l->sink) : -ENOMEM;

	if (fd >= 0)
		l->path = strdup(path);
	if (fd < 0 || !l->path) {
		snprintf(err, err_len, "cannot open the access log %s: %s", path,
			 strerror(fd < 0 ? -fd : ENOMEM));
		if (fd >= 0)
			close(fd);
		free(l);
		return NULL;
	}
	l->fd = fd;
	l->format = format;
	text_init(&l->buf, BUFFER_BYTES + LINE_MAX_BYTES);
	return l;
}

void access_log_close(struct access_log *l)
{
	if (!l)
		return;
	access_log_flush(l);
	close(l->fd);
	text_fini(&l->buf);
	free(l->path);
	free(l);
}

int access_log_fd(const struct access_log *l)
{
	return l->fd;
}

unsigned access_log_drain(struct access_log *l, struct log_ring *ring)
{
	const struct log_record *r;
	unsigned n = 0;

	while (l->buf.len < BUFFER_BYTES && (r = log_ring_peek(ring)) != NULL) {
		size_t before = l->buf.len;

		access_log_format(l->format, r, &l->buf);
		log_ring_release(ring);
		n++;
		if (!l->buf.full) {
			l->lines++;
			continue;
		}
		l->buf.len = before; /* no memory: without the half line */
		l->buf.full = false;
		l->lost++;
	}
	return n;
}

static ssize_t write_some(struct access_log *l, const char *p, size_t n)
{
	struct pollfd out = {.fd = l->fd, .events = POLLOUT};

	switch (l->sink) {
	case SINK_SOCKET:
		return send(l->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	case SINK_SHARED:
		if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT))
			/* So much a pipe that is ready takes whole (pipe(7)). */
			return write(l->fd, p, n < PIPE_BUF ? n : PIPE_BUF);
		errno = EAGAIN;
		return -1;
	default:
		return write(l->fd, p, n);
	}
}

static uint64_t count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;
	const char *end = p + n;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		lines++;
		p++;
	}
	return lines;
}

/* A full disk or a reader that left: what is buffered is given up, so that the log goes on
 * with whole lines once there is somewhere to write again. */
static void give_up(struct access_log *l, size_t written)
{
	l->torn |= written > 0 && l->buf.data[written - 1] != '\n';
	l->lost += count_lines(l->buf.data + written, l->buf.len - written);
	l->buf.len = 0;
}

void access_log_flush(struct access_log *l)
{
	size_t done = 0;
	ssize_t n = 0;

	if (l->buf.len && l->torn) {
		if (write_some(l, "\n", 1) != 1)
			return;
		l->torn = false;
	}
	while (done < l->buf.len) {
		n = write_some(l, l->buf.data + done, l->buf.len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			break;
	}
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		give_up(l, done);
	else
		text_shift(&l->buf, done);
}

int access_log_reopen(struct access_log *l)
{
	enum sink sink;
	int fd;

	access_log_flush(l);
	fd = open_sink(l->path, &sink);
	if (fd < 0)
		return fd;
	close(l->fd);
	l->fd = fd;
	l->sink = sink;
	return 0;
}

uint64_t access_log_lines(const struct access_log *l)
{
	return l->lines;
}

uint64_t access_log_lost(const struct access_log *l)
{
	return l->lost;
}
