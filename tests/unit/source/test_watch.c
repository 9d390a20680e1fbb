/* When a change is due. The clock is a number: no test sleeps. */
#include <source/watch.h>

#include "dir.h"

struct fixture {
	struct dir dir;
	struct watch *watch;
	uint64_t now_us;
	struct source_changes changes; /* taken last */
};

static void open_watch(struct fixture *f)
{
	const char *dirs[] = {dir_path(&f->dir, "r")};

	assert_int_equal(watch_create(&f->watch, dirs, 1), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	dir_create(&f->dir);
	dir_mkdir(&f->dir, "r");
	f->now_us = 1000000;
	open_watch(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	watch_destroy(f->watch);
	dir_remove(&f->dir);
	free(f);
	return 0;
}

static void drain(struct fixture *f)
{
	watch_drain(f->watch, f->now_us);
}

/* Due in this many microseconds from now. */
static void assert_due_in(struct fixture *f, uint64_t us)
{
	drain(f);
	assert_int_equal(watch_due_us(f->watch), f->now_us + us);
}

static void assert_quiet(struct fixture *f)
{
	drain(f);
	assert_int_equal(watch_due_us(f->watch), WATCH_NEVER);
}

static void take(struct fixture *f)
{
	watch_take(f->watch, &f->changes);
}

static void settle(struct fixture *f)
{
	drain(f);
	f->now_us += 10 * WATCH_WRITER_US;
	take(f);
	assert_quiet(f);
}

/* What the change is about: exactly this file of directory 0; NULL: everything. */
static void assert_change(struct fixture *f, const char *name)
{
	settle(f);
	assert_int_equal(f->changes.all, !name);
	if (!name)
		return;
	assert_int_equal(f->changes.n, 1);
	assert_int_equal(f->changes.items[0].dir, 0);
	assert_string_equal(f->changes.items[0].name, name);
}

/* ---- files ---- */

static void changes_name_files(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", "x");
	dir_write(&f->dir, "r/a.yaml", "y");
	assert_change(f, "a.yaml");
	dir_delete(&f->dir, "r/a.yaml");
	assert_change(f, "a.yaml");
	settle(f);
	assert_false(f->changes.all);
	assert_int_equal(f->changes.n, 0);
	dir_mkdir(&f->dir, "r/..1");
	dir_rename(&f->dir, "r/..1", "r/..2");
	assert_change(f, NULL);
}

static void many_changes_are_everything(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (unsigned i = 0; i <= SOURCE_CHANGES_MAX; i++) {
		settle(f);
		for (unsigned k = 0; k < i; k++) {
			snprintf(name, sizeof(name), "r/%u.yaml", k);
			dir_write(&f->dir, name, "x");
		}
		settle(f);
		assert_int_equal(f->changes.n, i);
		assert_false(f->changes.all);
	}
	for (unsigned k = 0; k <= SOURCE_CHANGES_MAX; k++) {
		snprintf(name, sizeof(name), "r/%u.yaml", k);
		dir_write(&f->dir, name, "y");
	}
	assert_change(f, NULL);
}

static void nothing_happens(void **state)
{
	assert_quiet(*state);
}

static void created_file(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", "x");
	assert_due_in(f, WATCH_SETTLE_US);
	take(f);
	assert_quiet(f);
}

static void modified_renamed_deleted_file(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", "x");
	settle(f);
	dir_write(&f->dir, "r/a.yaml", "y");
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
	dir_rename(&f->dir, "r/a.yaml", "r/b.yaml");
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
	dir_delete(&f->dir, "r/b.yaml");
	assert_due_in(f, WATCH_SETTLE_US);
}

static void renamed_in_and_out(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "a.tmp", "x");
	assert_quiet(f);
	dir_rename(&f->dir, "a.tmp", "r/a.yaml");
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
	dir_rename(&f->dir, "r/a.yaml", "a.tmp");
	assert_due_in(f, WATCH_SETTLE_US);
}

static void permission_counts(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", "x");
	settle(f);
	assert_int_equal(chmod(dir_path(&f->dir, "r/a.yaml"), 0600), 0);
	assert_due_in(f, WATCH_SETTLE_US);
}

static void links_are_complete_at_once(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "a.tmp", "x");
	assert_int_equal(link(dir_path(&f->dir, "a.tmp"), dir_path(&f->dir, "r/a.yaml")), 0);
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
	dir_symlink(&f->dir, "../a.tmp", "r/b.yaml");
	assert_due_in(f, WATCH_SETTLE_US);
}

static void names_that_are_not_read(void **state)
{
	static const char *const names[] = {"r/.a.yaml", "r/.a.yaml.swp", "r/a.yaml~", "r/4913",
					    "r/README"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		dir_write(&f->dir, names[i], "x");
		dir_delete(&f->dir, names[i]);
	}
	assert_quiet(f);
}

/* ---- bursts ---- */

static void burst_settles(void **state)
{
	struct fixture *f = *state;
	uint64_t first = f->now_us;

	for (int i = 0; i < 5; i++) {
		dir_write(&f->dir, "r/a.yaml", "x");
		assert_due_in(f, WATCH_SETTLE_US);
		f->now_us += WATCH_SETTLE_US - 1;
	}
	assert_int_equal(watch_due_us(f->watch),
			 first + 4 * (WATCH_SETTLE_US - 1) + WATCH_SETTLE_US);
}

static void burst_does_not_go_on_for_ever(void **state)
{
	struct fixture *f = *state;
	uint64_t first = f->now_us;

	for (int i = 0; i < 100; i++) {
		dir_write(&f->dir, "r/a.yaml", "x");
		drain(f);
		assert_true(watch_due_us(f->watch) <= first + WATCH_BURST_US);
		f->now_us += 1000;
	}
	assert_int_equal(watch_due_us(f->watch), first + WATCH_BURST_US);
}

/* ---- files that are being written ---- */

static void half_written_file_is_waited_for(void **state)
{
	struct fixture *f = *state;
	int fd = dir_open(&f->dir, "r/a.yaml");

	assert_due_in(f, WATCH_WRITER_US);
	assert_int_equal(write(fd, "half", 4), 4);
	f->now_us += 300000;
	assert_due_in(f, WATCH_WRITER_US - 300000);
	close(fd);
	drain(f);
	assert_true(watch_due_us(f->watch) <= f->now_us + WATCH_SETTLE_US);
}

static void other_file_does_not_hurry_a_writer(void **state)
{
	struct fixture *f = *state;
	int fd;

	dir_write(&f->dir, "r/a.yaml", "one: two");
	settle(f);
	fd = dir_open(&f->dir, "r/a.yaml"); /* truncates */
	dir_write(&f->dir, "r/b.yaml", "x");
	assert_due_in(f, WATCH_WRITER_US);
	close(fd);
	drain(f);
	assert_int_equal(watch_due_us(f->watch), f->now_us + WATCH_SETTLE_US);
}

static void writer_that_never_ends_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	uint64_t first = f->now_us;
	int fd = dir_open(&f->dir, "r/a.yaml");

	for (int i = 0; i < 10; i++) {
		assert_int_equal(write(fd, "x", 1), 1);
		drain(f);
		assert_int_equal(watch_due_us(f->watch), first + WATCH_WRITER_US);
		f->now_us += 100000;
	}
	take(f);
	assert_quiet(f);
	close(fd); /* complete now: read again */
	assert_due_in(f, WATCH_SETTLE_US);
}

static void deleted_while_written(void **state)
{
	struct fixture *f = *state;
	int fd = dir_open(&f->dir, "r/a.yaml");

	assert_due_in(f, WATCH_WRITER_US);
	dir_delete(&f->dir, "r/a.yaml");
	assert_due_in(f, WATCH_SETTLE_US);
	close(fd);
}

static void more_writers_than_are_remembered(void **state)
{
	struct fixture *f = *state;
	int fds[100];

	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "r/%d.yaml", i);
		fds[i] = dir_open(&f->dir, name);
	}
	assert_due_in(f, WATCH_WRITER_US);
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	assert_due_in(f, WATCH_SETTLE_US);
}

/* ---- directories ---- */

static void rescan_of_what_stayed_is_quiet(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		watch_rescan(f->watch, f->now_us);
	assert_quiet(f);
}

static void directory_vanishes_and_comes_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rmdir(dir_path(&f->dir, "r")), 0);
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
	watch_rescan(f->watch, f->now_us);
	assert_quiet(f);
	dir_mkdir(&f->dir, "r");
	watch_rescan(f->watch, f->now_us);
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
	dir_write(&f->dir, "r/a.yaml", "x"); /* watched again */
	assert_due_in(f, WATCH_SETTLE_US);
}

/* inotify would go on to watch the directory under its new name. */
static void directory_is_replaced(void **state)
{
	struct fixture *f = *state;

	dir_mkdir(&f->dir, "new");
	dir_rename(&f->dir, "r", "old");
	dir_rename(&f->dir, "new", "r");
	assert_due_in(f, WATCH_SETTLE_US);
	watch_rescan(f->watch, f->now_us);
	settle(f);
	dir_write(&f->dir, "old/a.yaml", "x");
	assert_quiet(f);
	dir_write(&f->dir, "r/a.yaml", "x");
	assert_due_in(f, WATCH_SETTLE_US);
}

static void directory_behind_a_link_is_replaced(void **state)
{
	struct fixture *f = *state;
	const char *dirs[] = {dir_path(&f->dir, "link")};

	watch_destroy(f->watch);
	dir_mkdir(&f->dir, "one");
	dir_mkdir(&f->dir, "two");
	dir_symlink(&f->dir, "one", "link");
	assert_int_equal(watch_create(&f->watch, dirs, 1), 0);
	dir_symlink(&f->dir, "two", "link.tmp");
	dir_rename(&f->dir, "link.tmp", "link");
	assert_quiet(f);
	watch_rescan(f->watch, f->now_us);
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
	dir_write(&f->dir, "two/a.yaml", "x");
	assert_due_in(f, WATCH_SETTLE_US);
}

static void directory_that_comes_late(void **state)
{
	struct fixture *f = *state;
	const char *dirs[] = {dir_path(&f->dir, "late"), dir_path(&f->dir, "r")};

	watch_destroy(f->watch);
	assert_int_equal(watch_create(&f->watch, dirs, 2), 0);
	assert_quiet(f);
	dir_write(&f->dir, "r/a.yaml", "x"); /* the other is watched meanwhile */
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
	dir_mkdir(&f->dir, "late");
	watch_rescan(f->watch, f->now_us);
	assert_due_in(f, WATCH_SETTLE_US);
}

/* As the kubelet updates a mounted ConfigMap. */
static void config_map_swap(void **state)
{
	struct fixture *f = *state;

	dir_mkdir(&f->dir, "r/..2026_01");
	dir_write(&f->dir, "r/..2026_01/a.yaml", "one");
	dir_symlink(&f->dir, "..2026_01", "r/..data");
	dir_symlink(&f->dir, "..data/a.yaml", "r/a.yaml");
	settle(f);
	dir_mkdir(&f->dir, "r/..2026_02");
	dir_write(&f->dir, "r/..2026_02/a.yaml", "two");
	assert_quiet(f);
	dir_symlink(&f->dir, "..2026_02", "r/..data_tmp");
	dir_rename(&f->dir, "r/..data_tmp", "r/..data");
	assert_due_in(f, WATCH_SETTLE_US);
}

static void queue_overflow_is_a_change(void **state)
{
	struct fixture *f = *state;
	const char *path = dir_path(&f->dir, "r/a.yaml");
	char copy[512];

	snprintf(copy, sizeof(copy), "%s", path);
	dir_write(&f->dir, "r/a.yaml", "x");
	settle(f);
	/* Two kinds by turns: like events that follow one another are merged. */
	for (int i = 0; i < 20000; i++)
		chmod(copy, i % 2 ? 0600 : 0644), close(open(copy, O_WRONLY));
	assert_due_in(f, WATCH_SETTLE_US);
	settle(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(changes_name_files),
		T(many_changes_are_everything),
		T(nothing_happens),
		T(created_file),
		T(modified_renamed_deleted_file),
		T(renamed_in_and_out),
		T(permission_counts),
		T(links_are_complete_at_once),
		T(names_that_are_not_read),
		T(burst_settles),
		T(burst_does_not_go_on_for_ever),
		T(half_written_file_is_waited_for),
		T(other_file_does_not_hurry_a_writer),
		T(writer_that_never_ends_is_not_waited_for),
		T(deleted_while_written),
		T(more_writers_than_are_remembered),
		T(rescan_of_what_stayed_is_quiet),
		T(directory_vanishes_and_comes_back),
		T(directory_is_replaced),
		T(directory_behind_a_link_is_replaced),
		T(directory_that_comes_late),
		T(config_map_swap),
		T(queue_overflow_is_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
