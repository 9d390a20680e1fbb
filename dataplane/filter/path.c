/* path.c - owns the replacement of prefixes, whole paths and matches of an expression. */
#include <filter/path.h>

static const struct slice no_room = {NULL, 0};

/* What is being written; broken when there was no room for a piece of it. */
struct writer {
	struct scratch *scratch;
	struct slice out;
	bool broken;
};

/* Pieces are taken one behind the other: nobody else takes scratch meanwhile. */
static void put(struct writer *w, const char *p, uint32_t n)
{
	char *to = scratch_take(w->scratch, n);

	if (!to) {
		w->broken = true;
		return;
	}
	if (n)
		memcpy(to, p, n);
	w->out.n += n;
}

static struct slice replace_prefix(struct scratch *scratch, const struct path_rewrite *rw,
				   struct slice path)
{
	struct writer w = {scratch, {scratch->buf + scratch->used, 0}, false};

	if (path.n < rw->prefix_len) /* "*" of OPTIONS */
		return path;
	put(&w, rw->to.p, rw->to.n);
	put(&w, path.p + rw->prefix_len, path.n - rw->prefix_len);
	return w.broken ? no_room : w.out;
}

static void put_parts(struct writer *w, const struct path_rewrite *rw, struct slice path,
		      const struct regex_match *m)
{
	for (uint32_t i = 0; i < rw->n_parts; i++) {
		const struct path_part *part = &rw->parts[i];

		if (part->group < 0)
			put(w, part->text.p, part->text.n);
		else if ((uint32_t)part->group < m->n && m->group[part->group].to != UINT32_MAX)
			put(w, path.p + m->group[part->group].from,
			    m->group[part->group].to - m->group[part->group].from);
	}
}

/* Behind the character at `at`. */
static uint32_t next_char(struct slice s, uint32_t at)
{
	do
		at++;
	while (at < s.n && (s.p[at] & 0xc0) == 0x80);
	return at;
}

/* RE2's GlobalReplace: an empty match right behind the one before does not count. */
static struct slice replace_matches(struct regex_state *re, struct scratch *scratch,
				    const struct path_rewrite *rw, struct slice path)
{
	struct writer w = {scratch, {scratch->buf + scratch->used, 0}, false};
	uint32_t done = 0, at = 0, last_end = UINT32_MAX;
	struct regex_match m;

	while (at <= path.n && !w.broken && regex_find(re, rw->regex, path, at, &m)) {
		uint32_t from = m.group[0].from, to = m.group[0].to;

		if (from == to && from == last_end) {
			at = next_char(path, to);
			continue;
		}
		put(&w, path.p + done, from - done);
		put_parts(&w, rw, path, &m);
		done = last_end = to;
		at = to > from ? to : next_char(path, to);
	}
	if (last_end == UINT32_MAX)
		return path;
	put(&w, path.p + done, path.n - done);
	return w.broken ? no_room : w.out;
}

struct slice path_change(struct regex_state *re, struct scratch *scratch,
			 const struct path_rewrite *w, struct slice path)
{
	switch ((enum path_change_kind)w->change) {
	case PATH_PREFIX:
		return replace_prefix(scratch, w, path);
	case PATH_WHOLE:
		return slice_of(w->to.p, w->to.n);
	case PATH_REGEX:
		return replace_matches(re, scratch, w, path);
	case PATH_KEPT:
		break;
	}
	return path;
}
