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

static uint64_t read_dirs(struct fixture *f, const char *const *names, size_t n)
{
	const char *paths[4];

	for (size_t i = 0; i < n; i++)
		paths[i] = dir_path(&f->dir, names[i]);
	source_files_fini(&f->files);
	diags_fini(&f->diags);
	source_read(paths, n, &f->files, &f->diags);
	return f->files.hash;
}

static uint64_t read_one(struct fixture *f)
{
	static const char *const names[] = {"r"};

	return read_dirs(f, names, 1);
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
	uint64_t one;

	dir_mkdir(&f->dir, "r/..1");
	dir_write(&f->dir, "r/..1/a.yaml", "one");
	dir_symlink(&f->dir, "..1", "r/..data");
	dir_symlink(&f->dir, "..data/a.yaml", "r/a.yaml");
	one = read_one(f);
	assert_int_equal(f->files.n, 1);
	assert_file(f, 0, "a.yaml", "one");
	dir_mkdir(&f->dir, "r/..2");
	dir_write(&f->dir, "r/..2/a.yaml", "two");
	dir_symlink(&f->dir, "..2", "r/..data_tmp");
	dir_rename(&f->dir, "r/..data_tmp", "r/..data");
	assert_true(read_one(f) != one);
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

/* ---- the hash ---- */

static void hash_tells_changes(void **state)
{
	struct fixture *f = *state;
	uint64_t hash[6];

	hash[0] = read_one(f);
	dir_write(&f->dir, "r/a.yaml", "xy");
	hash[1] = read_one(f);
	dir_write(&f->dir, "r/a.yaml", "xz");
	hash[2] = read_one(f);
	dir_rename(&f->dir, "r/a.yaml", "r/b.yaml");
	hash[3] = read_one(f);
	dir_write(&f->dir, "r/a.yaml", "x");
	dir_write(&f->dir, "r/b.yaml", "y");
	hash[4] = read_one(f);
	dir_write(&f->dir, "r/a.yaml", "");
	dir_write(&f->dir, "r/b.yaml", "xy");
	hash[5] = read_one(f);
	for (int i = 0; i < 6; i++)
		for (int k = 0; k < i; k++)
			assert_true(hash[i] != hash[k]);
	dir_write(&f->dir, "r/.ignored.yaml", "x");
	dir_write(&f->dir, "r/b.yaml", "xy");
	assert_true(read_one(f) == hash[5]);
}

/* ---- decoding ---- */

#define GATEWAY(name, ns)                                                                          \
	"apiVersion: networking.istio.io/v1\nkind: Gateway\n"                                      \
	"metadata: {name: " name ", namespace: " ns "}\n"                                          \
	"spec:\n  selector: {istio: ingressgateway}\n  servers:\n"                                 \
	"  - port: {number: 80, name: http, protocol: HTTP}\n    hosts: ['*']\n"

#define SERVICE(name)                                                                              \
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\n"                              \
	"spec:\n  clusterIP: 10.0.0.1\n  ports:\n  - {name: http, port: 80}\n"

static size_t decode(struct fixture *f)
{
	struct resource_set set;
	size_t n;

	read_one(f);
	resource_set_init(&set);
	source_decode(&f->files, &set, &f->diags);
	n = set.n;
	resource_set_fini(&set);
	return n;
}

static void decodes_all_files(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", GATEWAY("one", "x") "---\n" GATEWAY("two", "x"));
	dir_write(&f->dir, "r/b.yaml", SERVICE("one"));
	assert_int_equal(decode(f), 3);
	assert_int_equal(f->diags.errors, 0);
}

static void same_name_elsewhere_is_no_duplicate(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", GATEWAY("one", "x"));
	dir_write(&f->dir, "r/b.yaml", GATEWAY("one", "y"));
	dir_write(&f->dir, "r/c.yaml", SERVICE("one"));
	assert_int_equal(decode(f), 3);
	assert_int_equal(f->diags.errors, 0);
}

static void duplicates_name_both_places(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", SERVICE("x") "---\n" GATEWAY("one", "x"));
	dir_write(&f->dir, "r/b.yaml", GATEWAY("two", "x"));
	dir_write(&f->dir, "r/c.yaml", GATEWAY("one", "x") "---\n" GATEWAY("one", "x"));
	decode(f);
	assert_int_equal(f->diags.errors, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(f->diags.items[i].resource, "Gateway x/one");
		assert_string_equal(f->diags.items[i].code, "WEIR0213");
		assert_non_null(strstr(f->diags.items[i].file, "/c.yaml"));
	}
	assert_problem(f, "c.yaml", "/a.yaml:");
	assert_problem(f, "c.yaml", "already defined at ");
}

static void broken_file_leaves_the_others(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", "a: [");
	dir_write(&f->dir, "r/b.yaml", SERVICE("one"));
	assert_int_equal(decode(f), 1);
	assert_true(f->diags.errors > 0);
	assert_problem(f, "/a.yaml", "");
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
		T(hash_tells_changes),
		T(decodes_all_files),
		T(same_name_elsewhere_is_no_duplicate),
		T(duplicates_name_both_places),
		T(broken_file_leaves_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
