/* yaml_value.c - what a node of a YAML tree means in JSON's terms. */
#include <model/yaml_tree.h>

#include <ctype.h>
#include <string.h>

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	uint32_t i;

	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (i = 0; i < map->n; i++)
		if (strcmp(map->entries[i].key->text, key) == 0)
			return map->entries[i].value;
	return NULL;
}

static bool is_word(const struct yaml_node *node, const char *lower, const char *title,
		    const char *upper)
{
	return node->kind == YAML_SCALAR && !node->quoted &&
	       (strcmp(node->text, lower) == 0 || strcmp(node->text, title) == 0 ||
		strcmp(node->text, upper) == 0);
}

bool yaml_is_null(const struct yaml_node *node)
{
	return !node || is_word(node, "null", "Null", "NULL") || is_word(node, "~", "", "~");
}

bool yaml_to_bool(const struct yaml_node *node, bool *out)
{
	bool yes = is_word(node, "true", "True", "TRUE");

	if (!yes && !is_word(node, "false", "False", "FALSE"))
		return false;
	*out = yes;
	return true;
}

static const char *skip_digits(const char *s)
{
	while (isdigit((unsigned char)*s))
		s++;
	return s;
}

/* YAML's core schema without its octal and hexadecimal forms, which JSON does not have. */
bool yaml_is_number(const struct yaml_node *node)
{
	const char *s, *digits;

	if (node->kind != YAML_SCALAR || node->quoted)
		return false;
	s = node->text + (*node->text == '-' || *node->text == '+');
	digits = s;
	s = skip_digits(s);
	if (*s == '.')
		s = skip_digits(s + 1);
	if (s == digits || (s == digits + 1 && *digits == '.'))
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		digits = s;
		s = skip_digits(s);
		if (s == digits)
			return false;
	}
	return *s == '\0';
}

const char *yaml_describe(const struct yaml_node *node)
{
	bool ignored;

	if (yaml_is_null(node))
		return "null";
	if (node->kind == YAML_MAP)
		return "a mapping";
	if (node->kind == YAML_SEQ)
		return "a list";
	if (yaml_is_number(node))
		return "a number";
	return !node->quoted && yaml_to_bool(node, &ignored) ? "a boolean" : "a string";
}

/* FNV-1a, with a finish that spreads the last bytes over all bits. */
static uint64_t mix_bytes(uint64_t h, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3ull;
	return h;
}

static uint64_t mix_node(uint64_t h, const struct yaml_node *node)
{
	char kind = "sqm"[node->kind];
	uint32_t i;

	if (node->kind == YAML_SCALAR)
		kind = node->quoted ? 'S' : 's';
	h = mix_bytes(h, &kind, 1);
	h = mix_bytes(h, (const char *)&node->n, sizeof(node->n));
	if (node->kind == YAML_SCALAR)
		return mix_bytes(h, node->text, strlen(node->text) + 1);
	for (i = 0; i < node->n; i++) {
		if (node->kind == YAML_SEQ) {
			h = mix_node(h, node->items[i]);
			continue;
		}
		h = mix_node(h, node->entries[i].key);
		h = mix_node(h, node->entries[i].value);
	}
	return h;
}

uint64_t yaml_hash(const struct yaml_node *node)
{
	uint64_t h = mix_node(0xcbf29ce484222325ull, node);

	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	return h ^ h >> 33;
}
