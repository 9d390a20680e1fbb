/* node.c - reads the node configuration file and puts it together. */
#include <config/node.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <config/node_fields.h>

#define FILE_MAX  (1024 * 1024)
#define LCORE_MAX 1023

/* ---- the file ---- */

/* The whole file, NUL-terminated; NULL (errno) when it cannot be read. */
static char *read_file(const char *file, size_t *len)
{
	FILE *f = fopen(file, "rb");
	char *text;
	int error;

	if (!f)
		return NULL;
	text = malloc(FILE_MAX + 1);
	*len = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
	error = !text ? ENOMEM : ferror(f) ? errno : *len > FILE_MAX ? EFBIG : 0;
	fclose(f);
	if (error) {
		free(text);
		errno = error;
		return NULL;
	}
	text[*len] = '\0';
	return text;
}

/* The one document of the file. NULL when there is none; reported when that is a mistake. */
static const struct yaml_node *read_document(struct decoder *dec, struct yaml_reader *reader,
					     struct arena *tree)
{
	struct yaml_node *root, *more;

	if (yaml_reader_next(reader, tree, dec->d, &root) != YAML_DOCUMENT)
		return NULL;
	if (yaml_reader_next(reader, tree, dec->d, &more) == YAML_DOCUMENT && more)
		diag_report(dec->d, DIAG_NODE_DOCUMENTS, decode_pos(dec, more), "", "",
			    "the node configuration is one document: this second one is not read");
	return root;
}

static void decode_text(struct decoder *dec, const char *text, size_t len, struct written_node *w)
{
	static const struct yaml_node nothing = {.kind = YAML_MAP};
	struct yaml_reader *reader = yaml_reader_create(dec->file, text, len);
	struct arena *tree = arena_create();
	const struct yaml_node *root = read_document(dec, reader, tree);

	decode_message(dec, &node_schema, root && root->kind == YAML_MAP ? root : &nothing, w);
	w->unread = !root && dec->d->errors > 0;
	if (root && root->kind != YAML_MAP)
		decode_error(dec, DIAG_WRONG_TYPE, root, "a mapping is expected here, not %s",
			     yaml_describe(root));
	arena_destroy(tree);
	yaml_reader_destroy(reader);
}

/* ---- what one row cannot say ---- */

static bool parse_lcore(const char **s, long *out)
{
	char *end;

	if (!isdigit((unsigned char)**s))
		return false;
	*out = strtol(*s, &end, 10);
	*s = end;
	return *out <= LCORE_MAX;
}

/* "2-5", "1,3", "1,4-6": how many, each once; 0 when it is malformed. */
static unsigned count_lcores(const char *s)
{
	bool seen[LCORE_MAX + 1] = {false};
	unsigned n = 0;
	long first, last;

	for (;; s++) {
		if (!parse_lcore(&s, &first))
			return 0;
		last = first;
		if (*s == '-') {
			s++;
			if (!parse_lcore(&s, &last) || last < first)
				return 0;
		}
		for (; first <= last; first++, n++) {
			if (seen[first])
				return 0;
			seen[first] = true;
		}
		if (*s != ',')
			return *s ? 0 : n;
	}
}

static void build_workers(struct decoder *dec, struct written_node *w)
{
	struct node_config *cfg = &w->cfg;

	cfg->workers = w->workers;
	if (cfg->lcores) {
		unsigned n = count_lcores(cfg->lcores);

		if (w->has_workers)
			diag_report(dec->d, DIAG_NODE_WORKERS, w->lcores_pos, "",
				    "dataplane.lcores",
				    "workers and lcores are both set: only one of them may be");
		if (n == 0 || n > WEIR_WORKERS_MAX)
			diag_report(dec->d, DIAG_NODE_WORKERS, w->lcores_pos, "",
				    "dataplane.lcores",
				    "\"%s\" must be 1 to %d different cores, such as \"2-5\" or "
				    "\"1,3\"",
				    cfg->lcores, WEIR_WORKERS_MAX);
		else
			cfg->workers = n;
	}
	cfg->dataplane.n_workers = cfg->workers;
}

static void build_sources(struct decoder *dec, struct written_node *w)
{
	char field[64];
	uint32_t i;

	for (i = 0; i < w->n_sources; i++) {
		const struct written_source *s = &w->sources[i];

		snprintf(field, sizeof(field), "resources[%u]", i);
		if (s->is_kubernetes) {
			w->cfg.kubeconfig = s->kubeconfig ? s->kubeconfig : "";
			diag_report(dec->d, DIAG_NODE_KUBERNETES, s->pos, "", field,
				    "resources from Kubernetes are not supported by this version: "
				    "write them to files and name their directory");
		}
		if (s->directory && *s->directory)
			string_list_add(dec->arena, &w->cfg.directories, s->directory, s->pos);
		if (s->is_kubernetes == (s->directory && *s->directory))
			diag_report(dec->d, DIAG_NODE_RESOURCES, s->pos, "", field,
				    "an entry names one source: directory, or kubernetes");
	}
	if (!w->n_sources && !w->unread)
		diag_report(dec->d, DIAG_NODE_NO_RESOURCES, (struct pos){.file = dec->file}, "",
			    "resources", "no directory is configured: there will be no routes");
}

/* "127.0.0.1:15000", "[::1]:15000", "localhost:15000", or "" for none. */
static bool is_listen_address(const char *s)
{
	const char *colon = strrchr(s, ':');
	char *end;
	long port;

	if (!*s)
		return true;
	if (!colon || colon == s || !isdigit((unsigned char)colon[1]))
		return false;
	port = strtol(colon + 1, &end, 10);
	if (*end || port < 1 || port > 65535)
		return false;
	/* An IPv6 address has colons of its own and needs brackets. */
	return *s == '[' ? colon[-1] == ']' : memchr(s, ':', (size_t)(colon - s)) == NULL;
}

static void build_admin(struct decoder *dec, struct written_node *w)
{
	if (!w->cfg.admin_listen)
		w->cfg.admin_listen = "127.0.0.1:15000";
	if (!is_listen_address(w->cfg.admin_listen))
		diag_report(dec->d, DIAG_NODE_ADMIN, w->listen_pos, "", "admin.listen",
			    "\"%s\" must be HOST:PORT, or \"\" for none", w->cfg.admin_listen);
}

static void build_names(struct decoder *dec, struct node_config *cfg)
{
	char host[256] = "";

	if (cfg->name && *cfg->name)
		return;
	if (gethostname(host, sizeof(host) - 1) != 0 || !*host)
		snprintf(host, sizeof(host), "weir");
	cfg->name = arena_strdup(dec->arena, host);
}

static void build(struct decoder *dec, struct written_node *w)
{
	static const char *const hugepages[] = {
		[HUGEPAGES_AUTO] = "auto", [HUGEPAGES_ON] = "on", [HUGEPAGES_OFF] = "off"};
	struct node_config *cfg = &w->cfg;

	build_names(dec, cfg);
	build_workers(dec, w);
	node_interfaces_build(dec, w);
	build_sources(dec, w);
	build_admin(dec, w);
	cfg->hugepages = hugepages[w->hugepages];
	cfg->registry_only = w->registry_only;
	cfg->compat_08 = w->compat_08;
	cfg->dataplane.http.max_header_bytes = (uint32_t)w->max_header_bytes;
	cfg->dataplane.access_log = cfg->log_format != LOG_FORMAT_NONE;
}

void node_config_load(struct node_config *cfg, const char *file, struct diags *d)
{
	struct arena *arena = arena_create();
	struct written_node *w = arena_alloc(arena, sizeof(*w));
	struct decoder dec = {
		.arena = arena,
		.d = d,
		.file = arena_strdup(arena, file),
		.resource = "",
	};
	size_t len = 0;
	char *text = read_file(file, &len);

	field_path_init(&dec.path);
	if (!text)
		diag_report(d, DIAG_FILE_UNREADABLE, (struct pos){.file = dec.file}, "", "",
			    "the node configuration cannot be read: %s", strerror(errno));
	decode_text(&dec, text ? text : "", len, w);
	free(text);
	build(&dec, w);
	*cfg = w->cfg;
	cfg->arena = arena;
}

void node_config_fini(struct node_config *cfg)
{
	arena_destroy(cfg->arena);
	cfg->arena = NULL;
}
