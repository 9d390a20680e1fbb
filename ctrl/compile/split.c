/* split.c - owns nothing: arithmetic of weights. */
#include <compile/split.h>

#include <assert.h>

#include <compile/memory.h>

#define SLOTS_MIN    64u /* several differently shuffled blocks below this */
#define SHUFFLE_SPAN 8u

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

static uint64_t sum_of(const uint32_t *weights, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += weights[i];
	return sum;
}

/* Rounding down keeps the sum below max; what is positive stays positive, for which max has
 * room because callers have fewer targets than slots. */
static void scale(uint32_t *weights, uint32_t n, uint64_t sum, uint32_t max)
{
	uint64_t room = max > n ? max - n : 1;

	for (uint32_t i = 0; i < n; i++)
		if (weights[i])
			weights[i] = 1 + (uint32_t)((__uint128_t)weights[i] * room / sum);
}

bool split_reduce(uint32_t *weights, uint32_t n, uint32_t max)
{
	uint64_t div = 0, sum;

	for (uint32_t i = 0; i < n; i++)
		div = gcd(div, weights[i]);
	for (uint32_t i = 0; div && i < n; i++)
		weights[i] /= (uint32_t)div;
	sum = sum_of(weights, n);
	if (sum <= max)
		return true;
	scale(weights, n, sum, max);
	return false;
}

/* The k-th of w occurrences is due at (2k+1)/(2w) of the block. */
struct due {
	uint32_t index, num, den;
};

static int by_due(const void *x, const void *y)
{
	const struct due *a = x, *b = y;
	uint64_t l = (uint64_t)a->num * b->den, r = (uint64_t)b->num * a->den;

	if (l != r)
		return l < r ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* One block in even order; the caller frees it. */
static struct due *spread(const uint32_t *weights, uint32_t n, uint32_t sum)
{
	struct due *due = memory_alloc(sum * sizeof(*due));
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < weights[i]; k++)
			due[at++] = (struct due){i, 2 * k + 1, 2 * weights[i]};
	qsort(due, sum, sizeof(*due), by_due);
	return due;
}

uint32_t *split_spread(struct arena *a, const uint32_t *weights, uint32_t n, uint32_t *n_slots)
{
	uint32_t sum = (uint32_t)sum_of(weights, n);
	uint32_t *slots = arena_array(a, sum, sizeof(*slots));
	struct due *due = spread(weights, n, sum);

	for (uint32_t i = 0; i < sum; i++)
		slots[i] = due[i].index;
	free(due);
	*n_slots = sum;
	return slots;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint64_t seed_of(const char *s)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
	return h;
}

static void shuffle(uint16_t *slots, uint32_t n, uint64_t *random)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = (uint32_t)(next_random(random) % i);
		uint16_t t = slots[i - 1];

		slots[i - 1] = slots[k];
		slots[k] = t;
	}
}

uint16_t *split_table(struct arena *a, const uint32_t *weights, uint32_t n, const char *seed,
		      uint32_t *n_slots)
{
	uint32_t block = (uint32_t)sum_of(weights, n), blocks;
	uint64_t random = seed_of(seed);
	struct due *even;
	uint16_t *slots;

	assert(block > 0); /* validation refuses weights that are all zero */
	blocks = block >= SLOTS_MIN ? 1 : (SLOTS_MIN + block - 1) / block;
	slots = arena_array(a, (size_t)block * blocks, sizeof(*slots));
	even = spread(weights, n, block);
	for (uint32_t b = 0; b < blocks; b++) {
		uint16_t *to = slots + (size_t)b * block;

		for (uint32_t i = 0; i < block; i++)
			to[i] = (uint16_t)even[i].index;
		for (uint32_t i = 0; i < block; i += SHUFFLE_SPAN)
			shuffle(to + i, block - i < SHUFFLE_SPAN ? block - i : SHUFFLE_SPAN,
				&random);
	}
	free(even);
	*n_slots = block * blocks;
	return slots;
}
