/* test_corpus.c - every resource file of the shared corpus, compiled without validation: what
 * is in it may be refused, but never takes the compiler down. */
#include "world.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct compiler *compiler;
static unsigned files, built;

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *text = malloc(1u << 22);

	if (!f) {
		free(text);
		return NULL;
	}
	*len = fread(text, 1, 1u << 22, f);
	fclose(f);
	return text;
}

static void compile_text(const char *path, const char *text, size_t len)
{
	struct resource_set set;
	struct snapshot *s;
	struct diags d;

	diags_init(&d);
	resource_set_init(&set);
	model_decode(path, text, len, &set, &d);
	resource_set_sort(&set);
	s = compiler_build(compiler, &set, &d);
	built += s != NULL;
	compiler_free_snapshot(compiler, s);
	resource_set_fini(&set);
	diags_fini(&d);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *dot = strrchr(path, '.');
	size_t len;
	char *text;

	(void)st;
	(void)at;
	if (type != FTW_F || !dot || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
		return 0;
	text = read_file(path, &len);
	if (!text)
		return 0;
	files++;
	compile_text(path, text, len);
	free(text);
	return 0;
}

static void test_corpus(void **state)
{
	const char *root = getenv("WEIR_CORPUS");
	struct label label = {"istio", "ingressgateway"};
	struct labels labels = {1, &label};

	(void)state;
	compiler = compiler_create(&(struct compile_options){
		.node_namespace = "istio-system", .node_labels = &labels, .n_workers = 1});
	nftw(root ? root : "/work/shared/istio/corpus", visit, 16, FTW_PHYS);
	compiler_destroy(compiler);
	if (files == 0) {
		print_message("no corpus here (WEIR_CORPUS)\n");
		skip();
	}
	print_message("%u files, %u snapshots\n", files, built);
	assert_true(built > files / 4);
}

/* Our own examples compile without a word. */
static void test_examples(void **state)
{
	static const char *const folders[] = {SOURCE_ROOT "/configs/bookinfo",
					      SOURCE_ROOT "/configs/httpbin",
					      SOURCE_ROOT "/demo/resources"};
	struct label label = {"istio", "ingressgateway"};
	struct labels labels = {1, &label};

	(void)state;
	compiler = compiler_create(&(struct compile_options){
		.node_namespace = "istio-system", .node_labels = &labels, .n_workers = 1});
	files = built = 0;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		assert_int_equal(nftw(folders[i], visit, 16, FTW_PHYS), 0);
	compiler_destroy(compiler);
	assert_true(files > 10);
	assert_int_equal(built, files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus),
					   cmocka_unit_test(test_examples)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
