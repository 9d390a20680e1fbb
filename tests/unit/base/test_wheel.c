/* test_wheel.c - the timing wheel against a model that is a plain array of due times. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include <base/wheel.h>

#define TIMERS 400

struct model {
	struct wheel w;
	struct wheel_timer timers[TIMERS];
	uint64_t due_us[TIMERS]; /* 0: not armed */
	uint64_t now_us;
	uint32_t fired, early;
	uint32_t rng;
	bool meddle; /* callbacks arm and cancel others */
};

static uint32_t draw(struct model *m)
{
	m->rng ^= m->rng << 13;
	m->rng ^= m->rng >> 17;
	m->rng ^= m->rng << 5;
	return m->rng;
}

/* Delays of every magnitude, so that all levels and their borders are met. */
static uint64_t draw_delay(struct model *m)
{
	uint64_t bits = draw(m) % 46;

	return (((uint64_t)draw(m) << 32) | draw(m)) & ((1ull << bits) - 1);
}

static void arm(struct model *m, unsigned i, uint64_t at_us)
{
	wheel_arm(&m->w, &m->timers[i], at_us);
	m->due_us[i] = at_us;
}

static void cancel(struct model *m, unsigned i)
{
	wheel_cancel(&m->w, &m->timers[i]);
	m->due_us[i] = 0;
}

static void fire(void *arg, struct wheel_timer *t)
{
	struct model *m = arg;
	unsigned i = (unsigned)(t - m->timers);

	assert_false(wheel_armed(t));
	assert_int_not_equal(m->due_us[i], 0);
	if (m->due_us[i] > m->now_us)
		m->early++;
	m->due_us[i] = 0;
	m->fired++;
	if (!m->meddle)
		return;
	switch (draw(m) % 4) {
	case 0:
		arm(m, draw(m) % TIMERS, m->now_us + draw_delay(m));
		break;
	case 1:
		cancel(m, draw(m) % TIMERS);
		break;
	case 2: /* the past: must wait for the next turn */
		arm(m, i, m->now_us - m->now_us % WHEEL_TICK_US);
		break;
	}
}

static struct model *make(uint64_t now_us, uint32_t seed)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->rng = seed;
	m->now_us = now_us;
	wheel_init(&m->w, now_us, fire, m);
	return m;
}

static void turn(struct model *m, uint64_t now_us)
{
	m->now_us = now_us;
	wheel_turn(&m->w, now_us);
}

static uint64_t earliest(const struct model *m)
{
	uint64_t at = UINT64_MAX;

	for (unsigned i = 0; i < TIMERS; i++)
		if (m->due_us[i] && m->due_us[i] < at)
			at = m->due_us[i];
	return at;
}

static uint32_t count_armed(const struct model *m)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < TIMERS; i++) {
		assert_int_equal(m->due_us[i] != 0, wheel_armed(&m->timers[i]));
		n += m->due_us[i] != 0;
	}
	return n;
}

static uint64_t tick_up(uint64_t us)
{
	return (us + WHEEL_TICK_US - 1) / WHEEL_TICK_US * WHEEL_TICK_US;
}

static void check(const struct model *m)
{
	uint64_t first = earliest(m), next = wheel_next(&m->w);

	assert_int_equal(m->early, 0);
	assert_int_equal(count_armed(m), m->w.armed);
	if (first == UINT64_MAX) {
		assert_true(next == UINT64_MAX);
		return;
	}
	if (next > tick_up(first))
		assert_true(tick_up(first) < m->now_us); /* armed in the past */
	/* Nothing that is due survives a turn unless its callback armed it. */
	if (!m->meddle)
		assert_true(tick_up(first) > m->now_us - m->now_us % WHEEL_TICK_US);
}

static void fires_at_the_tick_and_not_before(void **state)
{
	(void)state;
	for (uint64_t at = 1; at < 5000; at += 37) {
		struct model *m = make(0, 1);

		arm(m, 0, at);
		turn(m, at - 1);
		assert_int_equal(m->fired, 0);
		turn(m, tick_up(at));
		assert_int_equal(m->fired, 1);
		free(m);
	}
}

static void past_fires_at_next_turn_even_within_the_tick(void **state)
{
	struct model *m = make(10 * WHEEL_TICK_US, 1);

	(void)state;
	turn(m, 10 * WHEEL_TICK_US + 3);
	arm(m, 0, 5);
	arm(m, 1, 10 * WHEEL_TICK_US);
	assert_int_equal(wheel_next(&m->w), 10 * WHEEL_TICK_US);
	turn(m, 10 * WHEEL_TICK_US + 4);
	assert_int_equal(m->fired, 2);
	free(m);
}

static void clock_going_back_fires_nothing(void **state)
{
	struct model *m = make(1000000, 1);

	(void)state;
	turn(m, 2000000);
	arm(m, 0, 1500000);
	turn(m, 1800000);
	assert_int_equal(m->fired, 0);
	turn(m, 2000000);
	assert_int_equal(m->fired, 1);
	free(m);
}

static void rearm_moves_and_cancel_forgets(void **state)
{
	struct model *m = make(0, 1);

	(void)state;
	arm(m, 0, 10000);
	arm(m, 0, 900000000);
	assert_int_equal(m->w.armed, 1);
	turn(m, 800000000);
	assert_int_equal(m->fired, 0);
	turn(m, 900000000 + WHEEL_TICK_US);
	assert_int_equal(m->fired, 1);
	arm(m, 0, 2000000000);
	cancel(m, 0);
	cancel(m, 0);
	assert_true(wheel_next(&m->w) == UINT64_MAX);
	turn(m, 3000000000);
	assert_int_equal(m->fired, 1);
	free(m);
}

static void rearm_now_forever(void *arg, struct wheel_timer *t)
{
	struct model *m = arg;

	m->fired++;
	wheel_arm(&m->w, t, 0);
}

static void callback_that_arms_itself_in_the_past_fires_once_a_turn(void **state)
{
	struct model *m = make(0, 1);

	(void)state;
	m->w.fire = rearm_now_forever;
	wheel_arm(&m->w, &m->timers[0], 0);
	for (uint32_t i = 1; i <= 10; i++) {
		turn(m, i * 100000000ull);
		assert_int_equal(m->fired, i);
	}
	free(m);
}

static void cancel_other(void *arg, struct wheel_timer *t)
{
	struct model *m = arg;

	m->fired++;
	wheel_cancel(&m->w, t == &m->timers[0] ? &m->timers[1] : &m->timers[0]);
}

static void callback_cancels_one_that_is_due_in_the_same_turn(void **state)
{
	struct model *m = make(0, 1);

	(void)state;
	m->w.fire = cancel_other;
	wheel_arm(&m->w, &m->timers[0], 5000);
	wheel_arm(&m->w, &m->timers[1], 5000);
	turn(m, 50000);
	assert_int_equal(m->fired, 1);
	assert_int_equal(m->w.armed, 0);
	free(m);
}

static void beyond_the_reach_and_over_the_top_border(void **state)
{
	const uint64_t top = (1ull << 32) * WHEEL_TICK_US;
	const uint64_t starts[] = {0, top - 5 * WHEEL_TICK_US, top / 2, 7 * top - 1};
	const uint64_t delays[] = {
		WHEEL_TICK_US, 20 * WHEEL_TICK_US, top / 2, top - 1, top, top + 1,
		3 * top,       1000 * top};

	(void)state;
	for (unsigned s = 0; s < 4; s++) {
		for (unsigned d = 0; d < 8; d++) {
			struct model *m = make(starts[s], 1);
			uint64_t at = starts[s] + delays[d];

			arm(m, 0, at);
			while (wheel_next(&m->w) < at)
				turn(m, wheel_next(&m->w));
			assert_int_equal(m->fired, 0);
			turn(m, at - 1 - (at - 1) % WHEEL_TICK_US);
			assert_int_equal(m->fired, 0);
			turn(m, tick_up(at));
			assert_int_equal(m->fired, 1);
			free(m);
		}
	}
}

static void the_end_of_time_is_no_overflow(void **state)
{
	struct model *m = make(12345, 1);

	(void)state;
	arm(m, 0, UINT64_MAX);
	turn(m, 1ull << 50);
	assert_int_equal(m->fired, 0);
	assert_true(wheel_next(&m->w) > 1ull << 50);
	free(m);
}

static void step(struct model *m)
{
	unsigned i = draw(m) % TIMERS;

	switch (draw(m) % 8) {
	case 0:
		cancel(m, i);
		break;
	case 1:
		turn(m, m->now_us + draw_delay(m));
		check(m);
		break;
	case 2:
	case 3: /* sleep as a worker does */
		if (wheel_next(&m->w) != UINT64_MAX && wheel_next(&m->w) > m->now_us)
			turn(m, wheel_next(&m->w));
		check(m);
		break;
	default:
		arm(m, i, m->now_us + 1 + draw_delay(m));
	}
}

static void random_walk(bool meddle)
{
	for (uint32_t seed = 1; seed <= 40; seed++) {
		struct model *m = make((uint64_t)seed * 0x123456789abull, seed);

		m->meddle = meddle;
		for (unsigned i = 0; i < 4000; i++)
			step(m);
		assert_true(m->fired > 100);
		free(m);
	}
}

static void random_against_the_model(void **state)
{
	(void)state;
	random_walk(false);
}

static void random_with_callbacks_that_meddle(void **state)
{
	(void)state;
	random_walk(true);
}

/* A worker that sleeps until wheel_next() is woken a bounded number of times per timer, and
 * on the very tick. */
static void sleeping_until_next_is_exact_and_converges(void **state)
{
	struct model *m = make(987654321, 77);

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		uint64_t at = m->now_us + 1 + draw_delay(m);
		unsigned turns = 0;

		arm(m, 0, at);
		while (wheel_armed(&m->timers[0])) {
			assert_true(wheel_next(&m->w) >= m->now_us - m->now_us % WHEEL_TICK_US);
			turn(m, wheel_next(&m->w));
			assert_true(++turns <= 2 * WHEEL_LEVELS + 16);
		}
		assert_int_equal(m->now_us, tick_up(at));
	}
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_at_the_tick_and_not_before),
		cmocka_unit_test(past_fires_at_next_turn_even_within_the_tick),
		cmocka_unit_test(clock_going_back_fires_nothing),
		cmocka_unit_test(rearm_moves_and_cancel_forgets),
		cmocka_unit_test(callback_that_arms_itself_in_the_past_fires_once_a_turn),
		cmocka_unit_test(callback_cancels_one_that_is_due_in_the_same_turn),
		cmocka_unit_test(beyond_the_reach_and_over_the_top_border),
		cmocka_unit_test(the_end_of_time_is_no_overflow),
		cmocka_unit_test(random_against_the_model),
		cmocka_unit_test(random_with_callbacks_that_meddle),
		cmocka_unit_test(sleeping_until_next_is_exact_and_converges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
