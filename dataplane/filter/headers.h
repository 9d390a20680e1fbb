/* headers.h - header operations of routes on a head that is about to be passed on. */
#pragma once
#include <filter/view.h>
#include <http/exchange.h>
#include <weir/action.h>

/* Executes ops: fields of h are taken away (marked hop by hop), new ones go to extra. h may be
 * v->req or v->resp. */
void headers_apply(const struct filter_view *v, const struct header_ops *ops, struct http_head *h,
		   struct http_extra *extra);

/* The field is what it says, whatever h and extra had of it. name in lower case. */
void headers_set(struct http_head *h, struct http_extra *extra, struct slice name,
		 struct slice value);
