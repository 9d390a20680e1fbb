/* pieces.c - finds the lines that begin a document: those that start with "---" and white space,
 * whatever is open before them (YAML 1.1, c-document-start). */
#include <store/pieces.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct pieces *p, size_t *cap, struct piece piece)
{
	if (p->n == *cap) {
		*cap = *cap ? *cap * 2 : 1;
		p->items = realloc(p->items, *cap * sizeof(*p->items));
		if (!p->items) {
			fputs("weir: out of memory while reading resources\n", stderr);
			abort();
		}
	}
	p->items[p->n++] = piece;
}

static bool begins_document(const char *line, size_t left)
{
	return left >= 3 && memcmp(line, "---", 3) == 0 &&
	       (left == 3 || strchr(" \t\r\n", line[3]));
}

/* Directives belong to the document behind the next "---"; libyaml reads UTF-16 as well. */
static bool can_be_cut(const char *text, size_t len)
{
	unsigned char first = len ? (unsigned char)text[0] : 0;

	return first != '%' && first != 0xfe && first != 0xff && !memmem(text, len, "\n%", 2);
}

void pieces_cut(const char *text, size_t len, struct pieces *out)
{
	struct piece p = {.text = text, .start = {.line = 1}};
	const char *end = text + len, *line = text;
	bool cut = can_be_cut(text, len);
	unsigned number = 1;
	size_t cap = 0;

	*out = (struct pieces){0};
	while (cut && (line = memchr(line, '\n', (size_t)(end - line)))) {
		line++;
		number++;
		if (!begins_document(line, (size_t)(end - line)))
			continue;
		p.len = (size_t)(line - p.text);
		add(out, &cap, p);
		p = (struct piece){.text = line, .start = {number, (size_t)(line - text)}};
	}
	p.len = (size_t)(end - p.text);
	add(out, &cap, p);
}

void pieces_fini(struct pieces *p)
{
	free(p->items);
}
