/* flood.c - weir-flood: TCP segments of one kind from many made-up peers, at a bounded rate and in
 * a bounded number, out of one interface through AF_PACKET. For tests in network namespaces.
 *
 *   weir-flood KIND RATE COUNT SOURCE/LEN LOW-HIGH TARGET PORT MAC INTERFACE
 *
 * KIND: syn, ack, rst, fin, data, frag (first and last fragments that do not meet). Source
 * addresses come from the prefix, source ports from the range, sequence and acknowledgement numbers
 * from everywhere. Prints how many were sent. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST       32
#define DATA_BYTES  64
#define PIECE_BYTES 24 /* of IP payload in a fragment: a TCP header, and a multiple of 8 */
#define COUNT_MAX   50000000ull
#define SECONDS_MAX 60

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t rest[DATA_BYTES]; /* a SYN's options, or data */
} __attribute__((packed));

struct flood {
	uint8_t flags;
	uint16_t rest; /* bytes after the TCP header */
	bool options;  /* they are options */
	bool pieces;   /* fragments */
	uint64_t rate, count;
	uint32_t source, source_mask;
	uint16_t low, high;
	struct in_addr target;
	uint16_t port;
	struct ether_addr to;
	int sock;
	struct sockaddr_ll out;
	uint64_t seed;
};

static const struct kind {
	const char *name;
	uint8_t flags;
	uint16_t rest;
	bool pieces;
} kinds[] = {{"syn", TH_SYN, 12, false},
	     {"ack", TH_ACK, 0, false},
	     {"rst", TH_RST, 0, false},
	     {"fin", TH_FIN | TH_ACK, 0, false},
	     {"data", TH_ACK | TH_PUSH, DATA_BYTES, false},
	     {"frag", TH_ACK, PIECE_BYTES - sizeof(struct tcphdr), true}};

static void die(const char *what)
{
	fprintf(stderr, "weir-flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t next_random(struct flood *f)
{
	f->seed ^= f->seed << 13;
	f->seed ^= f->seed >> 7;
	f->seed ^= f->seed << 17;
	return f->seed;
}

static uint32_t add_words(uint32_t sum, const void *data, unsigned len)
{
	const uint8_t *p = data;

	for (unsigned i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static unsigned length(const struct flood *f)
{
	return sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct tcphdr) + f->rest;
}

/* What no segment changes. */
static void prepare(const struct flood *f, struct frame *x)
{
	static const uint8_t options[] = {2, 4, 5, 180, 4, 2, 1, 3, 3, 7, 1, 1};

	memset(x, 0, sizeof(*x));
	memcpy(x->eth.ether_dhost, &f->to, ETH_ALEN);
	memcpy(x->eth.ether_shost, f->out.sll_addr, ETH_ALEN);
	x->eth.ether_type = htons(ETHERTYPE_IP);
	x->ip.version = 4;
	x->ip.ihl = 5;
	x->ip.ttl = 64;
	x->ip.protocol = IPPROTO_TCP;
	x->ip.tot_len = htons((uint16_t)(length(f) - sizeof(x->eth)));
	x->ip.daddr = f->target.s_addr;
	x->tcp.th_dport = htons(f->port);
	x->tcp.th_flags = f->flags;
	x->tcp.th_off = f->options ? 5 + sizeof(options) / 4 : 5;
	x->tcp.th_win = htons(64240);
	if (f->options)
		memcpy(x->rest, options, sizeof(options));
}

static void make(struct flood *f, struct frame *x)
{
	uint64_t a = next_random(f), b = next_random(f);
	uint32_t tcp_len = (uint32_t)sizeof(x->tcp) + f->rest;

	x->ip.saddr = htonl(f->source | ((uint32_t)a & ~f->source_mask));
	if (f->pieces) {
		x->ip.id = (uint16_t)(b >> 16);
		x->ip.frag_off = htons(b & 1 ? IP_MF : PIECE_BYTES / 8);
	}
	x->ip.check = 0;
	x->ip.check = fold(add_words(0, &x->ip, sizeof(x->ip)));
	x->tcp.th_sport = htons((uint16_t)(f->low + (a >> 32) % (f->high - f->low + 1u)));
	x->tcp.th_seq = (uint32_t)b;
	x->tcp.th_ack = f->flags & TH_ACK ? (uint32_t)(b >> 32) : 0;
	x->tcp.th_sum = 0;
	x->tcp.th_sum = fold(
		add_words(add_words(IPPROTO_TCP + tcp_len, &x->ip.saddr, 8), &x->tcp, tcp_len));
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Full queues lose frames as a wire would; what counts is what was handed over. */
static uint64_t run(struct flood *f)
{
	static struct frame frames[BURST];
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	double start = seconds(), now;
	uint64_t sent = 0, offered = 0;

	for (unsigned i = 0; i < BURST; i++) {
		prepare(f, &frames[i]);
		iov[i] = (struct iovec){&frames[i], length(f)};
		msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &f->out,
						       .msg_namelen = sizeof(f->out),
						       .msg_iov = &iov[i],
						       .msg_iovlen = 1}};
	}
	while (offered < f->count && (now = seconds() - start) < SECONDS_MAX) {
		int n;

		if ((double)offered > now * (double)f->rate) {
			usleep(200);
			continue;
		}
		for (unsigned i = 0; i < BURST; i++)
			make(f, &frames[i]);
		n = sendmmsg(f->sock, msgs, BURST, 0);
		if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("send");
		sent += n > 0 ? (uint64_t)n : 0;
		offered += BURST;
	}
	return sent;
}

static void open_interface(struct flood *f, const char *name)
{
	char path[128], mac[32] = "";
	FILE *file;

	f->sock = socket(AF_PACKET, SOCK_RAW, 0);
	f->out = (struct sockaddr_ll){.sll_family = AF_PACKET,
				      .sll_ifindex = (int)if_nametoindex(name),
				      .sll_halen = ETH_ALEN};
	if (f->sock < 0 || !f->out.sll_ifindex)
		die(name);
	snprintf(path, sizeof(path), "/sys/class/net/%s/address", name);
	file = fopen(path, "r");
	if (file && fgets(mac, sizeof(mac), file) && ether_aton(mac))
		memcpy(f->out.sll_addr, ether_aton(mac), ETH_ALEN);
	if (file)
		fclose(file);
}

static bool parse(struct flood *f, char **argv)
{
	char source[32];
	unsigned bits, low, high;
	struct in_addr ip;
	const struct ether_addr *to = ether_aton(argv[8]);

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, argv[1]) == 0) {
			f->flags = kinds[i].flags;
			f->rest = kinds[i].rest;
			f->options = f->flags & TH_SYN;
			f->pieces = kinds[i].pieces;
		}
	f->rate = strtoull(argv[2], NULL, 10);
	f->count = strtoull(argv[3], NULL, 10);
	if (!f->flags || !f->rate || !f->count || f->count > COUNT_MAX || !to ||
	    sscanf(argv[4], "%31[0-9.]/%u", source, &bits) != 2 || bits > 32 ||
	    !inet_aton(source, &ip) || sscanf(argv[5], "%u-%u", &low, &high) != 2 || low > high ||
	    high > UINT16_MAX || !inet_aton(argv[6], &f->target))
		return false;
	f->source_mask = bits ? ~0u << (32 - bits) : 0;
	f->source = ntohl(ip.s_addr) & f->source_mask;
	if (bits == 32)
		f->source = ntohl(ip.s_addr);
	f->low = (uint16_t)low;
	f->high = (uint16_t)high;
	f->port = (uint16_t)strtoul(argv[7], NULL, 10);
	f->to = *to;
	return true;
}

int main(int argc, char **argv)
{
	struct flood f = {.seed = 0x9e3779b97f4a7c15ull};

	if (argc != 10 || !parse(&f, argv)) {
		fprintf(stderr, "usage: weir-flood syn|ack|rst|fin|data|frag RATE COUNT SOURCE/LEN "
				"LOW-HIGH TARGET PORT MAC INTERFACE\n");
		return 2;
	}
	open_interface(&f, argv[9]);
	printf("%" PRIu64 "\n", run(&f));
	close(f.sock);
	return 0;
}
