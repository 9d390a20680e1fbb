/* What is read of a directory, in which order, and what is refused. */
#include <source/file.h>

#include "dir.h"

struct fixture {
	struct dir dir;
	struct source_files files;
	struct diags diags;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	dir_create(&f->dir);
	dir_mkdir(&f->dir, "r");
	diags_init(&f->diags);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	source_files_fini(&f->files);
	diags_fini(&f->diags);
	dir_remove(&f->dir);
	free(f);
	return 0;
}

static void read_dirs(struct fixture *f, const char *const *names, size_t n)
{
	const char *paths[4];

	for (size_t i = 0; i < n; i++)
		paths[i] = dir_path(&f->dir, names[i]);
	source_files_fini(&f->files);
	diags_fini(&f->diags);
	source_read(paths, n, &f->files, &f->diags);
}

static void read_one(struct fixture *f)
{
	static const char *const names[] = {"r"};

	read_dirs(f, names, 1);
}

static void assert_file(const struct fixture *f, size_t i, const char *name, const char *text)
{
	assert_true(i < f->files.n);
	assert_string_equal(strrchr(f->files.items[i].path, '/') + 1, name);
	assert_int_equal(f->files.items[i].len, strlen(text));
	assert_memory_equal(f->files.items[i].text, text, strlen(text));
}

static void assert_problem(const struct fixture *f, const char *file, const char *message)
{
	for (size_t i = 0; i < f->diags.n; i++)
		if (strstr(f->diags.items[i].file, file) &&
		    strstr(f->diags.items[i].message, message))
			return;
	diags_print(&f->diags, stderr);
	fail_msg("no problem with %s: %s", file, message);
}

static void empty_directory(void **state)
{
	read_one(*state);
	assert_int_equal(((struct fixture *)*state)->files.n, 0);
	assert_int_equal(((struct fixture *)*state)->diags.n, 0);
}

static void selected_and_sorted(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/b.yml", "2");
	dir_write(&f->dir, "r/a.yaml", "1");
	dir_write(&f->dir, "r/B.json", "0");
	dir_write(&f->dir, "r/c.txt", "no");
	dir_write(&f->dir, "r/yaml", "no");
	dir_write(&f->dir, "r/d.yaml.bak", "no");
	dir_write(&f->dir, "r/.e.yaml", "no");
	dir_write(&f->dir, "r/.yaml", "no");
	dir_write(&f->dir, "r/f.YAML", "no");
	dir_mkdir(&f->dir, "r/sub.yaml");
	dir_write(&f->dir, "r/sub.yaml/g.yaml", "no");
	read_one(f);
	assert_int_equal(f->diags.n, 0);
	assert_int_equal(f->files.n, 3);
	assert_file(f, 0, "B.json", "0");
	assert_file(f, 1, "a.yaml", "1");
	assert_file(f, 2, "b.yml", "2");
	assert_int_equal(f->files.bytes, 3);
}

static void directories_in_order(void **state)
{
	static const char *const names[] = {"z", "r"};
	struct fixture *f = *state;

	dir_mkdir(&f->dir, "z");
	dir_write(&f->dir, "r/a.yaml", "r");
	dir_write(&f->dir, "z/b.yaml", "z");
	read_dirs(f, names, 2);
	assert_file(f, 0, "b.yaml", "z");
	assert_file(f, 1, "a.yaml", "r");
}

static void empty_and_large_files(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(300001);

	memset(text, 'x', 300000);
	text[300000] = '\0';
	dir_write(&f->dir, "r/a.yaml", "");
	dir_write(&f->dir, "r/b.yaml", text);
	read_one(f);
	assert_file(f, 0, "a.yaml", "");
	assert_file(f, 1, "b.yaml", text);
	free(text);
}

static void config_map_links_are_followed(void **state)
{
	struct fixture *f = *state;

	dir_mkdir(&f->dir, "r/..1");
	dir_write(&f->dir, "r/..1/a.yaml", "one");
	dir_symlink(&f->dir, "..1", "r/..data");
	dir_symlink(&f->dir, "..data/a.yaml", "r/a.yaml");
	read_one(f);
	assert_true(f->files.items[0].link);
	assert_int_equal(f->files.n, 1);
	assert_file(f, 0, "a.yaml", "one");
	dir_mkdir(&f->dir, "r/..2");
	dir_write(&f->dir, "r/..2/a.yaml", "two");
	dir_symlink(&f->dir, "..2", "r/..data_tmp");
	dir_rename(&f->dir, "r/..data_tmp", "r/..data");
	read_one(f);
	assert_file(f, 0, "a.yaml", "two");
}

/* ---- what cannot be read ---- */

static void missing_directory(void **state)
{
	static const char *const names[] = {"gone", "r"};
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", "x");
	read_dirs(f, names, 2);
	assert_int_equal(f->diags.errors, 1);
	assert_problem(f, "/gone", "cannot read this directory: No such file or directory");
	assert_int_equal(f->files.n, 1); /* the rest is read nevertheless */
}

static void dangling_link(void **state)
{
	struct fixture *f = *state;

	dir_symlink(&f->dir, "nowhere", "r/a.yaml");
	read_one(f);
	assert_int_equal(f->diags.errors, 1);
	assert_problem(f, "r/a.yaml", "cannot open it: No such file or directory");
}

static void link_loop(void **state)
{
	struct fixture *f = *state;

	dir_symlink(&f->dir, "a.yaml", "r/a.yaml");
	read_one(f);
	assert_problem(f, "r/a.yaml", "cannot open it: Too many levels of symbolic links");
}

static void fifo_does_not_block(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkfifo(dir_path(&f->dir, "r/a.yaml"), 0600), 0);
	alarm(10);
	read_one(f);
	alarm(0);
	assert_int_equal(f->files.n, 0);
}

static void huge_file_is_refused(void **state)
{
	struct fixture *f = *state;
	int fd = dir_open(&f->dir, "r/a.yaml");

	assert_int_equal(ftruncate(fd, (off_t)SOURCE_FILE_MAX + 1), 0);
	close(fd);
	read_one(f);
	assert_int_equal(f->files.n, 0);
	assert_problem(f, "r/a.yaml", "larger than 64 MiB");
}

static void too_much_in_total_is_refused(void **state)
{
	struct fixture *f = *state;
	char name[32];

	f->files.bytes = 0;
	for (unsigned i = 0; i <= SOURCE_TOTAL_MAX / SOURCE_FILE_MAX; i++) {
		int fd;

		snprintf(name, sizeof(name), "r/%02u.yaml", i);
		fd = dir_open(&f->dir, name);
		assert_int_equal(ftruncate(fd, (off_t)SOURCE_FILE_MAX), 0);
		close(fd);
	}
	read_one(f);
	assert_int_equal(f->files.bytes, SOURCE_TOTAL_MAX);
	assert_int_equal(f->diags.errors, 1);
	assert_problem(f, "r/08.yaml", "all resource files together exceed 512 MiB");
}

/* ---- one file ---- */

static void one_file(void **state)
{
	struct fixture *f = *state;
	const char *dirs[] = {NULL};

	dir_write(&f->dir, "r/a.yaml", "1");
	dir_write(&f->dir, "r/b.yaml", "2");
	assert_int_equal(link(dir_path(&f->dir, "r/b.yaml"), dir_path(&f->dir, "r/c.yaml")), 0);
	dirs[0] = dir_path(&f->dir, "r");
	source_read_file(dirs, 0, "a.yaml", &f->files, &f->diags);
	source_read_file(dirs, 0, "gone.yaml", &f->files, &f->diags);
	source_read_file(dirs, 0, "c.yaml", &f->files, &f->diags);
	assert_int_equal(f->diags.n, 0);
	assert_int_equal(f->files.n, 2);
	assert_file(f, 0, "a.yaml", "1");
	assert_file(f, 1, "c.yaml", "2");
	assert_false(f->files.items[0].link);
	assert_true(f->files.items[1].link);
	assert_string_equal(f->files.items[1].name, "c.yaml");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(empty_directory),
		T(selected_and_sorted),
		T(directories_in_order),
		T(empty_and_large_files),
		T(config_map_links_are_followed),
		T(missing_directory),
		T(dangling_link),
		T(link_loop),
		T(fifo_does_not_block),
		T(huge_file_is_refused),
		T(too_much_in_total_is_refused),
		T(one_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
