/* What a refresh decodes, what stays the same object, and what is reported. */
#include <store/store.h>

#include <common/codes.h>
#include <validate/validate.h>

#include "dir.h"

struct fixture {
	struct dir dir;
	const char *paths[2];
	char *path_text[2];
	struct store *store;
	struct references *references;
	struct diags diags;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	dir_create(&f->dir);
	dir_mkdir(&f->dir, "r");
	dir_mkdir(&f->dir, "s");
	f->paths[0] = f->path_text[0] = strdup(dir_path(&f->dir, "r"));
	f->paths[1] = f->path_text[1] = strdup(dir_path(&f->dir, "s"));
	f->store = store_create(f->paths, 2);
	f->references = references_create();
	diags_init(&f->diags);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	references_destroy(f->references);
	store_destroy(f->store);
	diags_fini(&f->diags);
	dir_remove(&f->dir);
	free(f->path_text[0]);
	free(f->path_text[1]);
	free(f);
	return 0;
}

/* What a gateway does at every load. */
static void report(struct fixture *f)
{
	diags_fini(&f->diags);
	store_report(f->store, &f->diags);
	if (f->diags.errors == 0)
		references_check(f->references, store_resources(f->store), &f->diags);
}

static void read_everything(struct fixture *f)
{
	store_refresh(f->store, NULL);
	report(f);
}

static void read_file(struct fixture *f, size_t dir, const char *name)
{
	struct source_changes c = {.n = 1};

	c.items[0].dir = dir;
	snprintf(c.items[0].name, sizeof(c.items[0].name), "%s", name);
	store_refresh(f->store, &c);
	report(f);
}

static struct resource *named(const struct fixture *f, const char *name)
{
	const struct resource_set *set = store_resources(f->store);

	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->items[i]->name, name) == 0)
			return set->items[i];
	return NULL;
}

static bool reported(const struct fixture *f, const char *file, const char *message)
{
	for (size_t i = 0; i < f->diags.n; i++)
		if (strstr(f->diags.items[i].file, file) &&
		    strstr(f->diags.items[i].message, message))
			return true;
	return false;
}

#define GATEWAY(name, ns)                                                                          \
	"apiVersion: networking.istio.io/v1\nkind: Gateway\n"                                      \
	"metadata: {name: " name ", namespace: " ns "}\n"                                          \
	"spec:\n  selector: {istio: ingressgateway}\n  servers:\n"                                 \
	"  - port: {number: 80, name: http, protocol: HTTP}\n    hosts: ['*']\n"

#define SERVICE(name)                                                                              \
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\n"                              \
	"spec:\n  clusterIP: 10.0.0.1\n  ports:\n  - {name: http, port: 80}\n"

#define RULES(name, host, to)                                                                      \
	"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " name "}\n"   \
	"spec: {hosts: [" host "], http: [{route: [{destination: {host: " to "}}]}]}\n"

#define NEXT "---\n"

/* ---- what is read ---- */

static void decodes_all_files(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", GATEWAY("one", "x") NEXT GATEWAY("two", "x"));
	dir_write(&f->dir, "s/b.yaml", SERVICE("three"));
	read_everything(f);
	assert_int_equal(f->diags.n, 0);
	assert_int_equal(store_resources(f->store)->n, 3);
	assert_int_equal(store_files(f->store), 2);
	assert_true(store_readable(f->store));
}

static void what_did_not_change_stays(void **state)
{
	struct fixture *f = *state;
	struct resource *a, *b;

	dir_write(&f->dir, "r/a.yaml", SERVICE("a"));
	dir_write(&f->dir, "r/b.yaml", SERVICE("b"));
	read_everything(f);
	a = named(f, "a");
	b = named(f, "b");
	dir_write(&f->dir, "r/b.yaml", "#\n" SERVICE("b") NEXT SERVICE("c"));
	read_everything(f);
	assert_ptr_equal(named(f, "a"), a);
	assert_ptr_not_equal(named(f, "b"), b);
	assert_non_null(named(f, "c"));
	read_everything(f);
	assert_int_equal(store_resources(f->store)->n, 3);
}

static void one_file_comes_changes_and_goes(void **state)
{
	struct fixture *f = *state;
	struct resource *a;

	dir_write(&f->dir, "r/a.yaml", SERVICE("a"));
	read_everything(f);
	a = named(f, "a");
	dir_write(&f->dir, "s/b.yaml", SERVICE("b") NEXT GATEWAY("x", "y"));
	read_file(f, 1, "b.yaml");
	assert_non_null(named(f, "b"));
	assert_int_equal(store_resources(f->store)->items[0]->kind, KIND_GATEWAY); /* in order */
	dir_write(&f->dir, "s/b.yaml", SERVICE("c"));
	read_file(f, 1, "b.yaml");
	assert_null(named(f, "b"));
	assert_non_null(named(f, "c"));
	dir_delete(&f->dir, "s/b.yaml");
	read_file(f, 1, "b.yaml");
	assert_int_equal(store_resources(f->store)->n, 1);
	assert_ptr_equal(named(f, "a"), a);
	assert_int_equal(store_files(f->store), 1);
}

/* Only files that are named are looked at. */
static void other_files_wait_for_their_turn(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", SERVICE("a"));
	read_everything(f);
	dir_write(&f->dir, "r/a.yaml", SERVICE("a2"));
	dir_write(&f->dir, "r/b.yaml", SERVICE("b"));
	read_file(f, 0, "b.yaml");
	assert_non_null(named(f, "a"));
	read_file(f, 0, "a.yaml");
	assert_non_null(named(f, "a2"));
}

/* The file behind a link changes without a word of the link. */
static void links_are_read_every_time(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/b.yaml", SERVICE("b"));
	assert_int_equal(link(dir_path(&f->dir, "r/b.yaml"), dir_path(&f->dir, "elsewhere")), 0);
	dir_symlink(&f->dir, "../behind", "r/a.yaml");
	dir_write(&f->dir, "behind", SERVICE("a"));
	read_everything(f);
	dir_write(&f->dir, "behind", SERVICE("a2"));
	dir_write(&f->dir, "elsewhere", SERVICE("b2"));
	dir_write(&f->dir, "s/c.yaml", SERVICE("c"));
	read_file(f, 1, "c.yaml");
	assert_non_null(named(f, "a2"));
	assert_non_null(named(f, "b2"));
	assert_non_null(named(f, "c"));
}

/* Documents that are the same in the same lines stay the same objects. */
static void a_change_in_a_file_leaves_its_other_objects(void **state)
{
	struct fixture *f = *state;
	struct resource *a, *b, *c;

	dir_write(&f->dir, "r/a.yaml", SERVICE("a") NEXT SERVICE("b") NEXT SERVICE("c"));
	read_everything(f);
	a = named(f, "a");
	b = named(f, "b");
	c = named(f, "c");
	dir_write(&f->dir, "r/a.yaml", SERVICE("a") NEXT SERVICE("x") NEXT SERVICE("c"));
	read_file(f, 0, "a.yaml");
	assert_ptr_equal(named(f, "a"), a);
	assert_null(named(f, "b"));
	assert_non_null(named(f, "x"));
	assert_ptr_equal(named(f, "c"), c);
	assert_int_equal(c->pos.line, 17);
	dir_write(&f->dir, "r/a.yaml", SERVICE("a") NEXT "#\n" SERVICE("b") NEXT SERVICE("c"));
	read_file(f, 0, "a.yaml");
	assert_ptr_equal(named(f, "a"), a);
	assert_ptr_not_equal(named(f, "b"), b);
	assert_int_equal(named(f, "c")->pos.line, 18);
	dir_write(&f->dir, "r/a.yaml", SERVICE("a"));
	read_everything(f);
	assert_ptr_equal(named(f, "a"), a);
	assert_int_equal(store_resources(f->store)->n, 1);
}

/* What YAML says of where documents begin. */
static void where_a_file_is_cut(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml",
		  "%YAML 1.1\n---\n" SERVICE("a") "...\n%YAML 1.1\n---\n" SERVICE("b"));
	dir_write(&f->dir, "r/b.yaml",
		  "--- # first\n" SERVICE("c") "  ---: x\n---\t\n" SERVICE("d") "---");
	read_everything(f);
	assert_int_equal(f->diags.n, 0);
	assert_int_equal(store_resources(f->store)->n, 4);
	assert_int_equal(named(f, "d")->pos.line, 11);
	dir_write(&f->dir, "r/b.yaml", SERVICE("c") "---x: 1\n" NEXT "\n---\r\n" SERVICE("d"));
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.n, 0);
	assert_int_equal(store_resources(f->store)->n, 4);
}

/* Each document has its own problems, at its own lines; bytes count from the file's start. */
static void every_document_is_looked_at(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml",
		  "a: [\n" NEXT SERVICE("b") NEXT SERVICE("Not_A_Name") NEXT "b: \xff\n");
	read_everything(f);
	assert_int_equal(f->diags.errors, 3);
	assert_true(reported(f, "/a.yaml", "is no name"));
	assert_int_equal(f->diags.items[1].line, 13);
	assert_true(reported(f, "/a.yaml", "at byte 255"));
	dir_write(&f->dir, "r/a.yaml", "a: [\n" NEXT SERVICE("b") NEXT SERVICE("Not_A_Name"));
	read_file(f, 0, "a.yaml");
	assert_int_equal(f->diags.errors, 2);
}

static void many_objects_in_one_file(void **state)
{
	struct fixture *f = *state;
	static char text[64 * 1024];
	size_t len = 0;

	dir_write(&f->dir, "r/a.yaml", SERVICE("m50x"));
	read_everything(f);
	for (int i = 99; i >= 0; i--)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"---\napiVersion: v1\nkind: Service\nmetadata: {name: "
					"m%02d}\nspec: {ports: [{name: http, port: 80}]}\n",
					i);
	dir_write(&f->dir, "r/b.yaml", text);
	read_file(f, 0, "b.yaml");
	assert_int_equal(store_resources(f->store)->n, 101);
	for (size_t i = 1; i < 101; i++)
		assert_true(strcmp(store_resources(f->store)->items[i - 1]->name,
				   store_resources(f->store)->items[i]->name) < 0);
	dir_delete(&f->dir, "r/b.yaml");
	read_file(f, 0, "b.yaml");
	assert_int_equal(store_resources(f->store)->n, 1);
}

static void write_random_file(struct fixture *f, unsigned documents[], unsigned n)
{
	static const char *const texts[] = {
		SERVICE("a"),
		SERVICE("b"),
		"#\n" SERVICE("c"),
		GATEWAY("d", "x"),
		"kind: [\n",
		SERVICE("Not_A_Name"),
		"\n",
		RULES("v", "x.test", "a"),
	};
	char text[8192] = "";

	for (unsigned i = 0; i < n; i++) {
		strcat(text, texts[documents[i]]);
		if (i + 1 < n)
			strcat(text, NEXT);
	}
	dir_write(&f->dir, "r/a.yaml", text);
}

static void assert_same_problems(const struct diags *a, const struct diags *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->items[i].line, b->items[i].line);
		assert_string_equal(a->items[i].message, b->items[i].message);
	}
}

static void assert_like_a_new_store(const struct fixture *f)
{
	struct store *fresh = store_create(f->paths, 2);
	const struct resource_set *have = store_resources(f->store), *want;
	struct diags a, b;

	store_refresh(fresh, NULL);
	want = store_resources(fresh);
	assert_int_equal(have->n, want->n);
	for (size_t i = 0; i < have->n; i++) {
		assert_string_equal(have->items[i]->name, want->items[i]->name);
		assert_int_equal(have->items[i]->pos.line, want->items[i]->pos.line);
	}
	diags_init(&a);
	diags_init(&b);
	store_report(f->store, &a);
	store_report(fresh, &b);
	assert_same_problems(&a, &b);
	assert_true(store_hash(f->store) == store_hash(fresh));
	diags_fini(&a);
	diags_fini(&b);
	store_destroy(fresh);
}

/* Documents of a file that change, come and go: what is kept is what would be read. */
static void random_changes_of_a_file(void **state)
{
	enum { DOCUMENTS = 12, TEXTS = 8 };
	struct fixture *f = *state;
	unsigned documents[DOCUMENTS] = {0}, n = 0, seed = 1;

	read_everything(f);
	for (unsigned i = 0; i < 400; i++) {
		unsigned at, what = (unsigned)rand_r(&seed) % 4;

		if (what == 0 && n < DOCUMENTS)
			n++;
		if (what == 1 && n > 1)
			n--;
		at = (unsigned)rand_r(&seed) % (n ? n : 1);
		documents[at] = (unsigned)rand_r(&seed) % TEXTS;
		write_random_file(f, documents, n);
		read_file(f, 0, "a.yaml");
		assert_like_a_new_store(f);
	}
}

static void hash_tells_changes(void **state)
{
	struct fixture *f = *state;
	uint64_t hash[7];

	hash[0] = store_hash(f->store);
	dir_write(&f->dir, "r/a.yaml", "# y");
	read_everything(f);
	hash[1] = store_hash(f->store);
	dir_write(&f->dir, "r/a.yaml", "# z");
	read_file(f, 0, "a.yaml");
	hash[2] = store_hash(f->store);
	dir_rename(&f->dir, "r/a.yaml", "r/b.yaml");
	read_everything(f);
	hash[3] = store_hash(f->store);
	dir_rename(&f->dir, "r/b.yaml", "s/b.yaml");
	read_everything(f);
	hash[4] = store_hash(f->store);
	dir_write(&f->dir, "s/a.yaml", "# one");
	dir_write(&f->dir, "s/b.yaml", "# two");
	read_everything(f);
	hash[5] = store_hash(f->store);
	dir_write(&f->dir, "s/a.yaml", "# two");
	dir_write(&f->dir, "s/b.yaml", "# one");
	read_everything(f);
	hash[6] = store_hash(f->store);
	for (int i = 0; i < 7; i++)
		for (int k = 0; k < i; k++)
			assert_true(hash[i] != hash[k]);
	dir_delete(&f->dir, "s/a.yaml");
	read_file(f, 1, "a.yaml");
	dir_delete(&f->dir, "s/b.yaml");
	read_file(f, 1, "b.yaml");
	assert_true(store_hash(f->store) == hash[0]);
}

/* ---- what is reported ---- */

static void problems_stay_with_their_file(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", "a: [");
	dir_write(&f->dir, "r/b.yaml", SERVICE("one"));
	read_everything(f);
	assert_int_equal(f->diags.errors, 1);
	assert_true(reported(f, "/a.yaml", ""));
	dir_write(&f->dir, "r/b.yaml", SERVICE("Not_A_Name"));
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.errors, 2);
	assert_true(reported(f, "/b.yaml", "is no name"));
	dir_write(&f->dir, "r/a.yaml", SERVICE("a"));
	read_file(f, 0, "a.yaml");
	assert_int_equal(f->diags.errors, 1);
	dir_delete(&f->dir, "r/b.yaml");
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.n, 0);
}

static void what_cannot_be_read_is_tried_again(void **state)
{
	struct fixture *f = *state;

	dir_symlink(&f->dir, "nowhere", "r/a.yaml");
	dir_write(&f->dir, "r/b.yaml", SERVICE("b"));
	read_everything(f);
	assert_false(store_readable(f->store));
	assert_true(reported(f, "/a.yaml", "cannot open it"));
	dir_write(&f->dir, "r/nowhere", SERVICE("a"));
	read_file(f, 0, "b.yaml");
	assert_true(store_readable(f->store));
	assert_non_null(named(f, "a"));
}

static void unknown_kinds_are_named_once(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", "{apiVersion: v1, kind: Lamp}");
	dir_write(&f->dir, "r/b.yaml", "{apiVersion: v1, kind: Lamp}");
	dir_write(&f->dir, "r/c.yaml", "{apiVersion: v1, kind: Chair}");
	read_everything(f);
	assert_int_equal(f->diags.n, 2);
	dir_delete(&f->dir, "r/a.yaml");
	read_file(f, 0, "a.yaml");
	assert_int_equal(f->diags.n, 2);
}

/* ---- what objects say of each other ---- */

static void same_name_elsewhere_is_no_duplicate(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", GATEWAY("one", "x"));
	dir_write(&f->dir, "r/b.yaml", GATEWAY("one", "y"));
	dir_write(&f->dir, "r/c.yaml", SERVICE("one"));
	read_everything(f);
	assert_int_equal(f->diags.errors, 0);
}

static void duplicates_name_both_places(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", SERVICE("x") NEXT GATEWAY("one", "x"));
	dir_write(&f->dir, "r/b.yaml", GATEWAY("two", "x"));
	dir_write(&f->dir, "r/c.yaml", GATEWAY("one", "x") NEXT GATEWAY("one", "x"));
	read_everything(f);
	assert_int_equal(f->diags.errors, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(f->diags.items[i].resource, "Gateway x/one");
		assert_string_equal(f->diags.items[i].code, "WEIR0213");
		assert_true(reported(f, "/c.yaml", "/a.yaml:9:"));
	}
	assert_true(reported(f, "/c.yaml", "already defined at "));
	dir_delete(&f->dir, "r/c.yaml");
	read_file(f, 0, "c.yaml");
	assert_int_equal(f->diags.n, 0);
}

static void duplicate_rules_come_and_go(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", SERVICE("a") NEXT RULES("v", "x.test", "a"));
	read_everything(f);
	assert_int_equal(f->diags.n, 0);
	dir_write(&f->dir, "r/b.yaml", RULES("v", "y.test", "a"));
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.errors, 1);
	assert_true(reported(f, "/b.yaml", "/a.yaml:"));
	dir_write(&f->dir, "r/b.yaml", RULES("w", "y.test", "a"));
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.n, 0);
}

/* A warning about one object is given at every load while it lasts, whatever else changes. */
static void references_follow_both_ends(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", RULES("v", "x.test", "a"));
	dir_write(&f->dir, "r/b.yaml", RULES("w", "y.test", "b"));
	dir_write(&f->dir, "r/c.yaml", SERVICE("b"));
	read_everything(f);
	assert_int_equal(f->diags.n, 1);
	assert_true(reported(f, "/a.yaml", "there is no service a."));
	dir_write(&f->dir, "r/b.yaml", RULES("w", "y.test", "c"));
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.n, 2);
	assert_true(reported(f, "/b.yaml", "there is no service c."));
	dir_write(&f->dir, "r/c.yaml", SERVICE("a"));
	read_file(f, 0, "c.yaml");
	assert_int_equal(f->diags.n, 1);
	assert_false(reported(f, "/a.yaml", ""));
	dir_write(&f->dir, "r/b.yaml", RULES("w", "y.test", "a"));
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.n, 0);
}

static void claims_of_a_host_follow_changes(void **state)
{
	struct fixture *f = *state;

	dir_write(&f->dir, "r/a.yaml", SERVICE("a") NEXT RULES("v", "x.test", "a"));
	dir_write(&f->dir, "r/b.yaml", RULES("w", "y.test", "a"));
	read_everything(f);
	assert_int_equal(f->diags.n, 0);
	dir_write(&f->dir, "r/b.yaml", RULES("w", "x.test", "a"));
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.n, 1);
	assert_true(reported(f, "/b.yaml", "has the host x.test on the mesh already"));
	/* Moved down by a line: it is named where it is now. */
	dir_write(&f->dir, "r/b.yaml", "#\n" RULES("w", "x.test", "a"));
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.n, 1);
	assert_int_equal(f->diags.items[0].line, 5);
	dir_delete(&f->dir, "r/b.yaml");
	read_file(f, 0, "b.yaml");
	assert_int_equal(f->diags.n, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(decodes_all_files),
		T(what_did_not_change_stays),
		T(one_file_comes_changes_and_goes),
		T(other_files_wait_for_their_turn),
		T(links_are_read_every_time),
		T(a_change_in_a_file_leaves_its_other_objects),
		T(where_a_file_is_cut),
		T(every_document_is_looked_at),
		T(random_changes_of_a_file),
		T(many_objects_in_one_file),
		T(hash_tells_changes),
		T(problems_stay_with_their_file),
		T(what_cannot_be_read_is_tried_again),
		T(unknown_kinds_are_named_once),
		T(same_name_elsewhere_is_no_duplicate),
		T(duplicates_name_both_places),
		T(duplicate_rules_come_and_go),
		T(references_follow_both_ends),
		T(claims_of_a_host_follow_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
