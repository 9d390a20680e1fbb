/* session_rig.c - owns nothing but the tunnel that clusters[0] is behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "session_rig.h"

struct session_pair session_open(struct rig *r)
{
	struct session_pair t = {.client = rig_client(r, PORT_TCP)};

	rig_run(r);
	t.origin = rig_origin(r);
	return t;
}

void session_check_heard(struct peer *p, const char *text)
{
	assert_string_equal(p->heard.p, text);
	bytes_drop(&p->heard, p->heard.n);
}

const struct log_record *session_check_log(struct rig *r, uint32_t flags, const char *why)
{
	const struct log_record *rec = rig_check_log(r, 0, flags, NULL);

	assert_true(rec->session);
	assert_string_equal(rig_log_text(rec, LOG_METHOD), "");
	assert_string_equal(rig_log_text(rec, LOG_TRANSPORT_FAILURE), why);
	return rec;
}

void session_check_closed(struct rig *r, struct peer *client)
{
	rig_run(r);
	assert_true(client->ended);
	assert_false(client->was_reset);
	assert_int_equal(r->px->sessions.used, 0);
}

void session_behind_tunnel(struct rig *r, bool post)
{
	static struct tunnel tunnel;

	tunnel = (struct tunnel){.request = post ? POST : CONNECT, .post = post};
	tunnel.len = (uint32_t)strlen(tunnel.request);
	r->clusters[0].tunnel = &tunnel;
}

void session_take_mbufs(struct rig *r, struct session_mbufs *held)
{
	held->n = 0;
	while (held->n < RTE_DIM(held->m) && (held->m[held->n] = rte_pktmbuf_alloc(r->pool)))
		held->n++;
	assert_true(held->n < RTE_DIM(held->m));
}

void session_give_mbufs(struct session_mbufs *held)
{
	rte_pktmbuf_free_bulk(held->m, held->n);
}
