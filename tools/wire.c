/* wire.c - weir-wire: a bad wire between two interfaces.
 *
 * Carries frames from A to B and from B to A through AF_PACKET sockets and does to them, in
 * either direction alike, what bad wires do. Each frame waits in a heap ordered by the time at
 * which it is due; a frame that overtakes is simply one that is due earlier. The dice are
 * seeded: one seed, one sequence of decisions for each direction. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX   9216
#define SLACK_NS    20000
#define RX_BURST    64
#define SOCKET_BUF  (8 << 20)
#define NS_PER_S    1000000000ull
#define NS_PER_MS   1000000ull
#define PERCENT_MAX 100.0

struct options {
	double loss, burst_start, burst_end, duplicate, corrupt, reorder; /* percent */
	double delay_ms, jitter_ms, reorder_ms;
	double rate_mbit; /* 0 = as fast as it goes */
	double seconds;   /* 0 = until a signal */
	uint64_t seed;
	uint32_t queue_max;
	const char *dev[2];
};

struct frame {
	uint64_t due_ns;
	uint64_t order; /* equal times leave in the order of arrival */
	uint32_t len;
	uint8_t data[];
};

/* A binary min-heap of owned frames. */
struct heap {
	struct frame **at;
	uint32_t n, cap;
};

struct stats {
	uint64_t in, out, lost, burst_lost, duplicated, corrupted, reordered, overflowed, refused;
};

struct direction {
	int rx_fd, tx_fd; /* borrowed from the two sockets */
	uint64_t rng;
	uint64_t order;
	uint64_t line_free_ns; /* when the last bit of the frame before is on the wire */
	bool in_burst;
	struct heap queue;
	struct stats stats;
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("weir-wire: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* SplitMix64. */
static uint64_t draw(struct direction *d)
{
	uint64_t z = d->rng += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static double uniform(struct direction *d)
{
	return (double)(draw(d) >> 11) / (double)(1ull << 53);
}

/* Draws also for 0 %, so that turning one option on does not change what the others decide. */
static bool chance(struct direction *d, double percent)
{
	return uniform(d) * PERCENT_MAX < percent;
}

static bool before(const struct frame *a, const struct frame *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_push(struct heap *h, struct frame *f)
{
	uint32_t i = h->n++;

	if (h->n > h->cap) {
		h->cap = h->cap ? 2 * h->cap : 256;
		h->at = reallocarray(h->at, h->cap, sizeof(void *));
		if (!h->at)
			die("out of memory");
	}
	for (; i && before(f, h->at[(i - 1) / 2]); i = (i - 1) / 2)
		h->at[i] = h->at[(i - 1) / 2];
	h->at[i] = f;
}

static struct frame *heap_pop(struct heap *h)
{
	struct frame *top = h->at[0], *last = h->at[--h->n];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && before(h->at[child + 1], h->at[child]))
			child++;
		if (!before(h->at[child], last))
			break;
		h->at[i] = h->at[child];
		i = child;
	}
	h->at[i] = last;
	return top;
}

static void heap_fini(struct heap *h)
{
	while (h->n)
		free(heap_pop(h));
	free(h->at);
}

/* The Gilbert model: a wire that is losing goes on losing until the burst ends. */
static bool lost(struct direction *d, const struct options *o)
{
	bool lose = chance(d, o->loss);
	bool turn = chance(d, d->in_burst ? o->burst_end : o->burst_start);

	if (turn)
		d->in_burst = !d->in_burst;
	if (d->in_burst)
		d->stats.burst_lost++;
	else if (lose)
		d->stats.lost++;
	return d->in_burst || lose;
}

static uint64_t due(struct direction *d, const struct options *o, uint64_t now, uint32_t len)
{
	double late_ms = o->delay_ms + o->jitter_ms * uniform(d);
	uint64_t start = now;

	if (o->rate_mbit > 0) {
		if (d->line_free_ns > start)
			start = d->line_free_ns;
		start += (uint64_t)((double)len * 8 * 1000 / o->rate_mbit);
		d->line_free_ns = start;
	}
	if (chance(d, o->reorder)) {
		late_ms += o->reorder_ms;
		d->stats.reordered++;
	}
	return start + (uint64_t)(late_ms * (double)NS_PER_MS);
}

static void enqueue(struct direction *d, const struct options *o, const uint8_t *data, uint32_t len,
		    uint64_t now)
{
	struct frame *f;

	if (d->queue.n >= o->queue_max) {
		d->stats.overflowed++;
		return;
	}
	f = malloc(sizeof(*f) + len);
	if (!f)
		die("out of memory");
	memcpy(f->data, data, len);
	f->len = len;
	f->order = d->order++;
	if (chance(d, o->corrupt) && len > ETHER_HDR_LEN) {
		uint64_t r = draw(d);

		/* Addresses stay whole: a flipped bit there only looks like loss. */
		f->data[ETHER_HDR_LEN + r % (len - ETHER_HDR_LEN)] ^= (uint8_t)(1u << (r >> 61));
		d->stats.corrupted++;
	}
	f->due_ns = due(d, o, now, len);
	heap_push(&d->queue, f);
}

static void receive(struct direction *d, const struct options *o, uint64_t now)
{
	uint8_t buf[FRAME_MAX];

	for (unsigned i = 0; i < RX_BURST; i++) {
		ssize_t len = recv(d->rx_fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (len <= 0)
			return;
		d->stats.in++;
		if (lost(d, o))
			continue;
		enqueue(d, o, buf, (uint32_t)len, now);
		if (chance(d, o->duplicate)) {
			d->stats.duplicated++;
			enqueue(d, o, buf, (uint32_t)len, now);
		}
	}
}

/* Sends what is due. Returns the time of the next frame, UINT64_MAX when there is none. */
static uint64_t release(struct direction *d, uint64_t now)
{
	while (d->queue.n && d->queue.at[0]->due_ns <= now) {
		struct frame *f = heap_pop(&d->queue);

		if (send(d->tx_fd, f->data, f->len, 0) == (ssize_t)f->len)
			d->stats.out++;
		else
			d->stats.refused++;
		free(f);
	}
	return d->queue.n ? d->queue.at[0]->due_ns : UINT64_MAX;
}

static int open_device(const char *name)
{
	int ifindex = (int)if_nametoindex(name), size = SOCKET_BUF, one = 1, fd;
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	struct packet_mreq all = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC};

	if (!ifindex)
		die("no interface '%s'", name);
	/* Protocol 0 hears nothing: binding with one starts the reception, on this device only. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("cannot open a packet socket: %s (root needed)", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	/* What we send ourselves must not come back in. */
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)))
		die("%s: cannot ignore own frames: %s", name, strerror(errno));
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
		die("%s: cannot go promiscuous: %s", name, strerror(errno));
	at.sll_protocol = htons(ETH_P_ALL);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		die("%s: cannot bind: %s", name, strerror(errno));
	return fd;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void wait_for(struct pollfd *fds, nfds_t n, uint64_t now, uint64_t next)
{
	struct timespec t = {.tv_sec = 1};

	if (next <= now)
		t.tv_sec = 0;
	else if (next - now < NS_PER_S)
		t = (struct timespec){.tv_nsec = (long)(next - now)};
	if (ppoll(fds, n, &t, NULL) < 0 && errno != EINTR)
		die("poll: %s", strerror(errno));
}

static void carry(struct direction *d, const struct options *o, int signals)
{
	uint64_t now = now_ns(), next = now;
	uint64_t end =
		o->seconds > 0 ? now + (uint64_t)(o->seconds * (double)NS_PER_S) : UINT64_MAX;
	struct pollfd fds[] = {
		{.fd = d[0].rx_fd, .events = POLLIN},
		{.fd = d[1].rx_fd, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};

	while (now < end && !fds[2].revents) {
		uint64_t other;

		wait_for(fds, 3, now, next < end ? next : end);
		now = now_ns();
		for (unsigned i = 0; i < 2; i++)
			if (fds[i].revents)
				receive(&d[i], o, now);
		next = release(&d[0], now);
		other = release(&d[1], now);
		if (other < next)
			next = other;
	}
}

static void print_stats(const char *from, const char *to, const struct stats *s)
{
	printf("%s>%s in=%" PRIu64 " out=%" PRIu64 " lost=%" PRIu64 " burst_lost=%" PRIu64
	       " duplicated=%" PRIu64 " corrupted=%" PRIu64 " reordered=%" PRIu64
	       " overflowed=%" PRIu64 " refused=%" PRIu64 "\n",
	       from, to, s->in, s->out, s->lost, s->burst_lost, s->duplicated, s->corrupted,
	       s->reordered, s->overflowed, s->refused);
}

/* One row an option: how it is called, where it goes, what it may be. */
static const struct knob {
	const char *name, *arg, *help;
	size_t offset;
	double max;
} knobs[] = {
#define KNOB(name, arg, field, max, help)                                                          \
	{                                                                                          \
		name, arg, help, offsetof(struct options, field), max                              \
	}
	KNOB("loss", "PERCENT", loss, PERCENT_MAX, "frames lost, each on its own"),
	KNOB("burst-start", "PERCENT", burst_start, PERCENT_MAX,
	     "frames that begin a burst of loss"),
	KNOB("burst-end", "PERCENT", burst_end, PERCENT_MAX, "frames that end it (default 25)"),
	KNOB("delay", "MS", delay_ms, 60000, "every frame this much later"),
	KNOB("jitter", "MS", jitter_ms, 60000, "and up to this much more, evenly spread"),
	KNOB("reorder", "PERCENT", reorder, PERCENT_MAX, "frames held back, overtaken by others"),
	KNOB("reorder-by", "MS", reorder_ms, 60000, "how long they are held (default 2)"),
	KNOB("duplicate", "PERCENT", duplicate, PERCENT_MAX, "frames sent twice"),
	KNOB("corrupt", "PERCENT", corrupt, PERCENT_MAX, "frames with one bit flipped"),
	KNOB("rate", "MBIT", rate_mbit, 400000, "Mbit/s each way (default: unlimited)"),
	KNOB("seconds", "S", seconds, 1e9, "end after so long (default: SIGTERM, SIGINT)"),
#undef KNOB
};

#define N_KNOBS (sizeof(knobs) / sizeof(knobs[0]))

static void usage(FILE *to)
{
	fputs("usage: weir-wire [options] IFACE-A IFACE-B\n"
	      "\nCarries frames between two interfaces, badly. Prints 'ready' when it carries, "
	      "and\n"
	      "at its end what it did, a line each way.\n\n",
	      to);
	for (size_t i = 0; i < N_KNOBS; i++)
		fprintf(to, "  --%s %-*s %s\n", knobs[i].name, 24 - (int)strlen(knobs[i].name),
			knobs[i].arg, knobs[i].help);
	fputs("  --queue FRAMES              at most so many waiting each way (default 10000)\n"
	      "  --seed N                    of the dice (default 1)\n"
	      "  --help\n",
	      to);
}

static double parse_number(const char *name, const char *text, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (*end || end == text || !(v >= 0 && v <= max))
		die("--%s %s: want a number from 0 to %g", name, text, max);
	return v;
}

static void parse_options(struct options *o, int argc, char **argv)
{
	struct option longs[N_KNOBS + 4] = {0};
	int c;

	for (size_t i = 0; i < N_KNOBS; i++)
		longs[i] = (struct option){knobs[i].name, required_argument, NULL, (int)(256 + i)};
	longs[N_KNOBS] = (struct option){"queue", required_argument, NULL, 'q'};
	longs[N_KNOBS + 1] = (struct option){"seed", required_argument, NULL, 's'};
	longs[N_KNOBS + 2] = (struct option){"help", no_argument, NULL, 'h'};
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(0);
		} else if (c == 'q') {
			o->queue_max = (uint32_t)parse_number("queue", optarg, 1e6);
		} else if (c == 's') {
			o->seed = strtoull(optarg, NULL, 0);
		} else if (c >= 256) {
			const struct knob *k = &knobs[c - 256];
			double v = parse_number(k->name, optarg, k->max);

			memcpy((char *)o + k->offset, &v, sizeof(v));
		} else {
			usage(stderr);
			exit(2);
		}
	}
	if (argc - optind != 2) {
		usage(stderr);
		exit(2);
	}
	o->dev[0] = argv[optind];
	o->dev[1] = argv[optind + 1];
}

int main(int argc, char **argv)
{
	struct options o = {.seed = 1, .queue_max = 10000, .reorder_ms = 2, .burst_end = 25};
	struct direction d[2] = {0};
	int fd[2], signals;

	parse_options(&o, argc, argv);
	signals = open_signals();
	for (unsigned i = 0; i < 2; i++)
		fd[i] = open_device(o.dev[i]);
	for (unsigned i = 0; i < 2; i++) {
		d[i].rx_fd = fd[i];
		d[i].tx_fd = fd[!i];
		d[i].rng = o.seed * 2 + i;
	}
	/* As late as a NIC that moderates its interrupts. Linux's own 50 us are a round trip of
	 * some wires; to wake for each frame takes the CPU from what the wire is between. */
	prctl(PR_SET_TIMERSLACK, SLACK_NS);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	carry(d, &o, signals);
	for (unsigned i = 0; i < 2; i++) {
		print_stats(o.dev[i], o.dev[!i], &d[i].stats);
		heap_fini(&d[i].queue);
		close(fd[i]);
	}
	return 0;
}
