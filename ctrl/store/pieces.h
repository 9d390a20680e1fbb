/* pieces.h - a file cut where YAML documents begin, so that a change of one leaves the others. */
#pragma once
#include <model/model.h>

/* Of a file's text, which it borrows. */
struct piece {
	const char *text;
	size_t len;
	struct text_start start; /* where in the file */
};

struct pieces {
	struct piece *items;
	size_t n;
};

/* Whole documents each, together the whole text; one piece where YAML does not let it be cut. */
void pieces_cut(const char *text, size_t len, struct pieces *out);
void pieces_fini(struct pieces *p);
