/* load.c - the control thread's steps in front of compilation, for tests. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

#include <validate/validate.h>

void load_start(struct loaded *l)
{
	resource_set_init(&l->set);
	diags_init(&l->d);
}

/* The text is copied to its exact size, so that a sanitizer sees a read behind its end. */
void load_decode(struct loaded *l, const char *file, const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, text, len);
	model_decode(file, copy, len, &l->set, &l->d);
	free(copy);
}

void load_finish(struct loaded *l)
{
	size_t i;

	resource_set_sort(&l->set);
	for (i = 0; i < l->set.n; i++)
		validate_resource(l->set.items[i], &l->d);
	validate_references(&l->set, &l->d);
}

void load_bytes(struct loaded *l, const char *file, const char *text, size_t len)
{
	load_start(l);
	load_decode(l, file, text, len);
	load_finish(l);
}

void load_text(struct loaded *l, const char *text)
{
	load_bytes(l, "test.yaml", text, strlen(text));
}

void load_free(struct loaded *l)
{
	resource_set_fini(&l->set);
	diags_fini(&l->d);
}

char *load_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *text;
	long size;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	text = size >= 0 ? calloc(1, (size_t)size + 1) : NULL;
	*len = text ? fread(text, 1, (size_t)size, f) : 0;
	fclose(f);
	return text;
}

const struct diag *load_find(const struct loaded *l, const char *code)
{
	size_t i;

	for (i = 0; i < l->d.n; i++)
		if (strcmp(l->d.items[i].code, code) == 0)
			return &l->d.items[i];
	return NULL;
}
