/* value.h - header values with variables, put together for one request (istio/reference 2.4.9). */
#pragma once
#include <filter/view.h>
#include <weir/action.h>

/* Empty when a variable has nothing to say, and when there is no room in v->scratch. The result
 * lies there, or in the value or the heads. */
struct slice value_make(const struct filter_view *v, const struct header_value *value);
