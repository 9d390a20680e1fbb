/* message.c - reads messages off what a peer heard. */
#include "message.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void message_free(struct message *m)
{
	free(m->body.p);
	m->body = (struct bytes){0};
}

const char *message_field_at(const struct message *m, const char *name, unsigned n)
{
	static char value[70000];
	size_t len = strlen(name);

	for (const char *p = m->fields; *p; p = strchr(p, '\n') + 1) {
		if (strncmp(p, name, len) != 0 || strncmp(p + len, ": ", 2) != 0 || n--)
			continue;
		p += len + 2;
		len = (size_t)(strchr(p, '\n') - p);
		memcpy(value, p, len);
		value[len] = '\0';
		return value;
	}
	return NULL;
}

const char *message_field(const struct message *m, const char *name)
{
	return message_field_at(m, name, 0);
}

/* Lines are ended by CRLF, names are tokens in lower case, one blank behind the colon: how this
 * gateway writes. */
static void check_field(const char *line, size_t n)
{
	size_t i = 0;

	while (i < n && (islower((unsigned char)line[i]) || isdigit((unsigned char)line[i]) ||
			 strchr("!#$%&'*+-.^_`|~", line[i])))
		i++;
	if (i == 0 || line[i] != ':' || line[i + 1] != ' ')
		fail_msg("bad field line \"%.*s\"", (int)n, line);
}

static void read_head(struct message *m, const char *head, size_t n)
{
	const char *end = head + n, *line = head, *eol;
	char *out = m->fields;

	for (; line < end; line = eol + 2) {
		eol = memmem(line, (size_t)(end - line), "\r\n", 2);
		assert_non_null(eol);
		if (line == head) {
			snprintf(m->line, sizeof(m->line), "%.*s", (int)(eol - line), line);
			continue;
		}
		check_field(line, (size_t)(eol - line));
		memcpy(out, line, (size_t)(eol - line));
		out += eol - line;
		*out++ = '\n';
	}
	*out = '\0';
}

static void read_status(struct message *m, enum message_kind kind)
{
	m->status = 0;
	if (kind == MESSAGE_REQUEST)
		return;
	if (sscanf(m->line, "HTTP/1.1 %3d ", &m->status) != 1)
		fail_msg("bad status line \"%s\"", m->line);
}

static bool has_no_body(const struct message *m, enum message_kind kind)
{
	if (kind == MESSAGE_REQUEST)
		return !message_field(m, "content-length") && !m->chunked;
	return kind == MESSAGE_RESPONSE_TO_HEAD || m->status < 200 || m->status == 204 ||
	       m->status == 304;
}

/* Returns the bytes used, 0 when the last chunk has not come. */
static size_t read_chunks(struct message *m, const char *p, size_t n)
{
	const char *start = p, *end = p + n;

	for (;;) {
		const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		char *digits_end;
		size_t size;

		if (!eol)
			return 0;
		size = strtoul(p, &digits_end, 16);
		assert_ptr_equal(digits_end, eol);
		p = eol + 2;
		if ((size_t)(end - p) < size + 2)
			return 0;
		bytes_add(&m->body, p, size);
		p += size;
		assert_memory_equal(p, "\r\n", 2);
		p += 2;
		if (size == 0)
			return (size_t)(p - start);
		m->chunks++;
	}
}

/* Returns false when it is not all there. */
static bool read_body(struct peer *peer, struct message *m, size_t head)
{
	const char *p = peer->heard.p + head, *length = message_field(m, "content-length");
	size_t n = peer->heard.n - head, used;

	if (m->chunked) {
		assert_null(length);
		used = read_chunks(m, p, n);
		if (!used)
			return false;
	} else if (length) {
		used = strtoul(length, NULL, 10);
		if (n < used)
			return false;
		bytes_add(&m->body, p, used);
	} else {
		m->until_close = true;
		if (!peer->ended)
			return false;
		used = n;
		bytes_add(&m->body, p, used);
	}
	bytes_drop(&peer->heard, head + used);
	return true;
}

bool message_take(struct peer *p, struct message *m, enum message_kind kind)
{
	const char *end = memmem(p->heard.p, p->heard.n, "\r\n\r\n", 4);
	const char *coding;
	size_t head;

	if (!end)
		return false;
	head = (size_t)(end - p->heard.p) + 4;
	assert_true(head < sizeof(m->fields));
	m->body.n = 0;
	bytes_add(&m->body, "", 0);
	m->chunks = 0;
	m->until_close = false;
	read_head(m, p->heard.p, head - 2);
	read_status(m, kind);
	coding = message_field(m, "transfer-encoding");
	m->chunked = coding != NULL;
	if (coding)
		assert_string_equal(coding, "chunked");
	if (!has_no_body(m, kind))
		return read_body(p, m, head);
	bytes_drop(&p->heard, head);
	return true;
}
