/* pcapng.c - blocks: a section, an interface each, a packet each. Numbers are in the writer's
 * byte order, which the section's magic tells. */
#include "pcapng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define SECTION_MAGIC   0x1a2b3c4du
#define LINK_ETHERNET   1u
#define OPT_END         0
#define OPT_COMMENT     1
#define OPT_USERAPPL    4 /* of a section */
#define OPT_IF_NAME     2
#define OPT_IF_TSRESOL  9
#define OPT_EPB_FLAGS   2
#define FLAG_IN         1u
#define FLAG_OUT        2u
#define NANOSECONDS     9
#define BLOCK_MAX       (CAPTURE_BYTES + 128)

struct block {
	uint8_t data[BLOCK_MAX];
	uint32_t n;
};

static void put(struct block *b, const void *data, uint32_t n)
{
	memcpy(b->data + b->n, data, n);
	memset(b->data + b->n + n, 0, 3);
	b->n += (n + 3) & ~3u;
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static void option(struct block *b, uint16_t code, const void *data, uint16_t n)
{
	uint16_t head[2] = {code, n};

	put(b, head, sizeof(head));
	put(b, data, n);
}

static void begin(struct block *b, uint32_t type)
{
	b->n = 0;
	put32(b, type);
	put32(b, 0); /* its length: see end() */
}

static void end(struct block *b, struct text *out)
{
	uint32_t len;

	option(b, OPT_END, "", 0);
	len = b->n + 4;
	put32(b, len);
	memcpy(b->data + 4, &len, sizeof(len));
	text_put(out, (const char *)b->data, len);
}

static void write_section(struct block *b, const struct capture *c, struct text *out)
{
	static const uint16_t version[2] = {1, 0};
	static const char program[] = "weir " WEIR_VERSION;
	const uint64_t unknown = UINT64_MAX;
	char comment[96];

	begin(b, BLOCK_SECTION);
	put32(b, SECTION_MAGIC);
	put(b, version, sizeof(version));
	put(b, &unknown, sizeof(unknown)); /* the section's length */
	option(b, OPT_USERAPPL, program, sizeof(program) - 1);
	snprintf(comment, sizeof(comment), "%llu packets matched, room for %u, %llu missed",
		 (unsigned long long)c->matched, c->n_slots, (unsigned long long)c->missed);
	option(b, OPT_COMMENT, comment, (uint16_t)strlen(comment));
	end(b, out);
}

static void write_interface(struct block *b, const struct iface_config *iface, struct text *out)
{
	const uint16_t link[2] = {LINK_ETHERNET, 0};
	const uint8_t resolution = NANOSECONDS;

	begin(b, BLOCK_INTERFACE);
	put(b, link, sizeof(link));
	put32(b, CAPTURE_BYTES);
	option(b, OPT_IF_NAME, iface->name, (uint16_t)strlen(iface->name));
	option(b, OPT_IF_TSRESOL, &resolution, 1);
	end(b, out);
}

static void write_packet(struct block *b, const struct capture_slot *s, struct text *out)
{
	uint32_t kept = s->len < CAPTURE_BYTES ? s->len : CAPTURE_BYTES;
	uint32_t flags = s->out ? FLAG_OUT : FLAG_IN;

	begin(b, BLOCK_PACKET);
	put32(b, s->iface);
	put32(b, (uint32_t)(s->time_ns >> 32));
	put32(b, (uint32_t)s->time_ns);
	put32(b, kept);
	put32(b, s->len);
	put(b, s->data, kept);
	option(b, OPT_EPB_FLAGS, &flags, sizeof(flags));
	end(b, out);
}

static int by_number(const void *a, const void *b)
{
	const struct capture_slot *const *x = a, *const *y = b;

	return ((*x)->seq > (*y)->seq) - ((*x)->seq < (*y)->seq);
}

void pcapng_write(struct text *out, const struct capture *c, const struct node_config *node)
{
	const struct capture_slot **order = calloc(c->n_slots, sizeof(const void *));
	struct block *b = malloc(sizeof(*b));
	uint32_t n = 0;

	if (!order || !b) {
		out->full = true;
		goto done;
	}
	for (uint32_t i = 0; i < c->n_slots; i++)
		if (c->slots[i].seq)
			order[n++] = &c->slots[i];
	qsort(order, n, sizeof(const void *), by_number);
	write_section(b, c, out);
	for (unsigned i = 0; i < node->dataplane.n_ifaces; i++)
		write_interface(b, &node->dataplane.ifaces[i], out);
	for (uint32_t i = 0; i < n; i++)
		write_packet(b, order[i], out);
done:
	free(order);
	free(b);
}
