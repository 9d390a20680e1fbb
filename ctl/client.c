/* client.c - owns the connection to the admin API: libcurl over a unix socket or TCP. */
#include "client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "print.h"

#define ANSWER_BYTES_MAX (128u << 20) /* twice what weir sends at most */
#define CONNECT_MS       5000L
#define ANSWER_MS        60000L
#define UNIX_PREFIX      "unix:"

/* ---- queries ---- */

void client_query_init(struct client_query *q, const char *path)
{
	*q = (struct client_query){.mark = strchr(path, '?') ? '&' : '?'};
	q->stream = open_memstream(&q->text, &q->len);
	if (q->stream)
		fputs(path, q->stream);
}

void client_query_add(struct client_query *q, const char *key, const char *value)
{
	if (!q->stream)
		return;
	fprintf(q->stream, "%c%s=", q->mark, key);
	q->mark = '&';
	for (; *value; value++) {
		unsigned char ch = (unsigned char)*value;
		bool alnum = (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z');

		/* unreserved of RFC 3986 2.3 */
		fprintf(q->stream, alnum || strchr("-._~", ch) ? "%c" : "%%%02X", ch);
	}
}

void client_query_add_optional(struct client_query *q, const char *key, const char *value)
{
	if (value)
		client_query_add(q, key, value);
}

/* The caller frees it. */
static char *query_finish(struct client_query *q)
{
	if (!q->stream || fclose(q->stream) == 0)
		return q->text;
	free(q->text);
	return NULL;
}

/* ---- the exchange ---- */

struct answer {
	char *body;
	size_t len;
	bool too_large;
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	char *body;

	if (n > ANSWER_BYTES_MAX - a->len) {
		a->too_large = true;
		return 0;
	}
	body = realloc(a->body, a->len + n + 1);
	if (!body)
		return 0;
	memcpy(body + a->len, p, n);
	a->body = body;
	a->len += n;
	a->body[a->len] = '\0';
	return size * n;
}

static void complain(const struct context *c, const char *what)
{
	fputs("weirctl: ", c->err);
	print_text(c->err, c->admin);
	fprintf(c->err, ": %s\n", what);
}

static json_t *fail(const struct context *c, const char *what)
{
	complain(c, what);
	return NULL;
}

/* The host of the URL to ask; NULL: the address cannot be one. */
static const char *set_socket(const struct context *c, CURL *curl)
{
	const char *path = c->admin + strlen(UNIX_PREFIX);

	if (strncmp(c->admin, UNIX_PREFIX, strlen(UNIX_PREFIX)) != 0) {
		if (strchr(c->admin, ':') && !strpbrk(c->admin, "/@?# "))
			return c->admin;
		complain(c, "an address is unix:PATH or HOST:PORT");
		return NULL;
	}
	if (!*path || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		complain(c, "the path of a socket has 1 to 107 bytes");
		return NULL;
	}
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
	return "weir";
}

static bool set_address(const struct context *c, CURL *curl, const char *target)
{
	const char *host = set_socket(c, curl);
	char *url = NULL;
	bool ok;

	if (!host)
		return false;
	ok = asprintf(&url, "http://%s%s", host, target) >= 0 &&
	     curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
	free(url);
	if (!ok)
		complain(c, "out of memory");
	return ok;
}

static void set_manners(CURL *curl, struct answer *a)
{
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* whatever http_proxy says */
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "weirctl");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
}

static json_t *explain_failure(const struct context *c, CURL *curl, CURLcode code,
			       const struct answer *a)
{
	long os_errno = 0;
	char what[256];

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno);
	if (a->too_large)
		return fail(c, "the answer is too large; ask for less");
	if (code == CURLE_COULDNT_CONNECT) {
		snprintf(what, sizeof(what),
			 "%s. Is weir running? --admin or WEIR_ADMIN names another address",
			 os_errno ? strerror((int)os_errno) : "cannot connect");
		return fail(c, what);
	}
	if (code == CURLE_URL_MALFORMAT)
		return fail(c, "an address is unix:PATH or HOST:PORT");
	return fail(c, curl_easy_strerror(code));
}

/* What weir says of a question that it does not answer is a line of text. */
static json_t *explain_status(const struct context *c, long status, const struct answer *a)
{
	if (status == 404)
		return fail(c, "what listens there does not know this question: it is an older "
			       "weir, or something else");
	if (status == 413 || status == 414 || status == 431)
		return fail(c, "the question is too long: the limit is about 30 KB");
	if (status != 400 && status != 503) {
		char what[64];

		snprintf(what, sizeof(what), "answered with status %ld", status);
		return fail(c, what);
	}
	fputs("weirctl: ", c->err);
	for (const char *p = a->body; p && *p && *p != '\n'; p++)
		print_char(c->err, *p);
	fputs("\n", c->err);
	return NULL;
}

static json_t *read_answer(const struct context *c, CURL *curl, const struct answer *a)
{
	long status = 0;
	json_t *j;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return explain_status(c, status, a);
	j = json_loadb(a->body ? a->body : "", a->len, 0, NULL);
	if (json_is_object(j))
		return j;
	json_decref(j);
	return fail(c, "the answer is no JSON object: is this the admin API of weir?");
}

static json_t *get(const struct context *c, const char *target)
{
	CURL *curl = curl_easy_init();
	struct answer a = {0};
	json_t *j = NULL;
	CURLcode code;

	if (!curl)
		return fail(c, "libcurl cannot be set up");
	set_manners(curl, &a);
	if (set_address(c, curl, target)) {
		code = curl_easy_perform(curl);
		j = code == CURLE_OK ? read_answer(c, curl, &a)
				     : explain_failure(c, curl, code, &a);
	}
	curl_easy_cleanup(curl);
	free(a.body);
	return j;
}

json_t *client_get(const struct context *c, struct client_query *q)
{
	char *target = query_finish(q);
	json_t *j;

	if (!target)
		return fail(c, "out of memory");
	j = get(c, target);
	free(target);
	return j;
}
