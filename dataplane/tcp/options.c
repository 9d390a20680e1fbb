/* options.c - reads and writes TCP options. */
#include <tcp/options.h>

#include <string.h>

#include <rte_byteorder.h>

enum kind { KIND_END, KIND_NOP, KIND_MSS, KIND_WSCALE, KIND_SACK_OK, KIND_SACK, KIND_TS = 8 };

static uint32_t get32(const uint8_t *p)
{
	rte_be32_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_32(v);
}

static void put32(uint8_t *p, uint32_t x)
{
	rte_be32_t v = rte_cpu_to_be_32(x);

	memcpy(p, &v, sizeof(v));
}

static void take_sack(const uint8_t *p, unsigned len, struct tcp_options *o)
{
	if (len < 10 || (len - 2) % 8)
		return;
	o->n_sack = 0;
	for (unsigned i = 2; i < len && o->n_sack < TCP_SACK_MAX; i += 8)
		o->sack[o->n_sack++] = (struct tcp_sack_block){get32(p + i), get32(p + i + 4)};
}

/* One option with its length; a known kind of the wrong length counts as absent. */
static void take_option(const uint8_t *p, unsigned len, struct tcp_options *o)
{
	if (p[0] == KIND_MSS && len == 4) {
		o->mss = (uint16_t)(p[2] << 8 | p[3]);
		o->present |= TCP_OPT_MSS;
	} else if (p[0] == KIND_WSCALE && len == 3) {
		o->wscale = p[2] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : p[2];
		o->present |= TCP_OPT_WSCALE;
	} else if (p[0] == KIND_SACK_OK && len == 2) {
		o->present |= TCP_OPT_SACK_OK;
	} else if (p[0] == KIND_TS && len == 10) {
		o->ts_val = get32(p + 2);
		o->ts_ecr = get32(p + 6);
		o->present |= TCP_OPT_TS;
	} else if (p[0] == KIND_SACK) {
		take_sack(p, len, o);
	}
}

bool tcp_options_parse(const uint8_t *p, unsigned len, struct tcp_options *o)
{
	unsigned i = 0;

	memset(o, 0, sizeof(*o));
	while (i < len && p[i] != KIND_END) {
		if (p[i] == KIND_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= len || p[i + 1] < 2 || p[i + 1] > len - i)
			return false;
		take_option(p + i, p[i + 1], o);
		i += p[i + 1];
	}
	return true;
}

static unsigned write_sack(uint8_t *p, unsigned n, const struct tcp_options *o)
{
	unsigned blocks = o->n_sack;

	if (blocks > (TCP_OPTIONS_MAX - n - 4) / 8)
		blocks = (TCP_OPTIONS_MAX - n - 4) / 8;
	if (!blocks)
		return n;
	p[n] = p[n + 1] = KIND_NOP;
	p[n + 2] = KIND_SACK;
	p[n + 3] = (uint8_t)(2 + blocks * 8);
	n += 4;
	for (unsigned i = 0; i < blocks; i++, n += 8) {
		put32(p + n, o->sack[i].start);
		put32(p + n + 4, o->sack[i].end);
	}
	return n;
}

unsigned tcp_options_write(uint8_t *p, const struct tcp_options *o)
{
	unsigned n = 0;

	if (o->present & TCP_OPT_MSS) {
		put32(p, (uint32_t)KIND_MSS << 24 | 4u << 16 | o->mss);
		n += 4;
	}
	if (o->present & TCP_OPT_WSCALE) {
		put32(p + n, (uint32_t)KIND_NOP << 24 | KIND_WSCALE << 16 | 3 << 8 | o->wscale);
		n += 4;
	}
	if (o->present & TCP_OPT_SACK_OK) {
		put32(p + n, (uint32_t)KIND_NOP << 24 | KIND_NOP << 16 | KIND_SACK_OK << 8 | 2);
		n += 4;
	}
	if (o->present & TCP_OPT_TS) {
		put32(p + n, TCP_TS_CANONICAL);
		put32(p + n + 4, o->ts_val);
		put32(p + n + 8, o->ts_ecr);
		n += TCP_TS_OPTION;
	}
	return o->n_sack ? write_sack(p, n, o) : n;
}
