/* fill.c - owns what a snapshot takes over from the one before, and what is compiled anew. */
#include <compile/fill.h>

#include <compile/vhost.h>

/* ---- one virtual host ---- */

/* The VirtualService that stands for r now. */
static const struct resource *current(const struct build *b, const struct resource *r)
{
	for (uint32_t i = 0; i < b->n_replaced; i++)
		if (b->replaced[i].old == r)
			return b->replaced[i].now;
	return r;
}

static bool is_replaced(const struct build *b, const struct layout_host *h)
{
	for (uint32_t i = 0; i < h->sources.n; i++) {
		const struct layout_source *s = h->sources.items[i];

		if (current(b, s->vs) != s->vs)
			return true;
	}
	return false;
}

static void key_sources(struct build *b, const struct layout_host *h)
{
	struct cache_key *k = &b->planned_from;

	k->len = 0;
	cache_key_string(k, h->name);
	cache_key_string(k, h->service);
	cache_key_number(k, b->layout->surroundings);
	for (uint32_t i = 0; i < h->sources.n; i++) {
		const struct layout_source *s = h->sources.items[i];
		const struct resource *vs = current(b, s->vs);

		cache_key_string(k, s->scope->gateway);
		cache_key_string(k, vs->ns);
		cache_key_string(k, vs->name);
		cache_key_number(k, vs->hash);
	}
}

/* The routes of a VirtualService in a place: the same for all its hosts there. */
static const struct list *plan_source(struct build *b, const struct layout_source *s)
{
	const void **key = arena_array(b->tmp, 2, sizeof(*key));
	struct list *routes;
	void **slot;

	key[0] = current(b, s->vs);
	key[1] = s->scope;
	slot = map_slot(&b->planned, key, 2 * sizeof(*key));
	if (*slot)
		return *slot;
	routes = *slot = arena_alloc(b->tmp, sizeof(*routes));
	route_plan_rules(b, key[0], s->scope, routes);
	return routes;
}

/* Pure catch-alls give way to the routes of the other VirtualServices (2.2 step 3). */
static void catch_alls_last(struct build *b, struct vhost_plan *p)
{
	struct list sorted = {0};

	for (int last = 0; last <= 1; last++)
		for (uint32_t i = 0; i < p->routes.n; i++)
			if (((const struct route_plan *)p->routes.items[i])->catch_all == last)
				list_add(b->tmp, &sorted, p->routes.items[i]);
	p->routes = sorted;
}

/* A VirtualService of which no block counts for a source does not exist for it (2.3): the service
 * is then reached by its default route. */
static void add_default_for_others(struct build *b, const struct layout_host *h,
				   struct vhost_plan *plan)
{
	struct route_plan *p = route_plan_default(b, h->service, h->port);

	p->conds = arena_array(b->tmp, plan->routes.n, sizeof(*p->conds));
	for (uint32_t i = 0; i < plan->routes.n; i++) {
		const struct route_plan *r = plan->routes.items[i];

		if (!r->of_sources)
			return;
		/* The source is the last of a block's conditions. */
		p->conds[p->n_conds++] = route_plan_source(r->conds[r->n_conds - 1].sources, true);
	}
	p->catch_all = false;
	list_add(b->tmp, &plan->routes, p);
}

static void plan_routes(struct build *b, const struct layout_host *h, struct vhost_plan *plan)
{
	for (uint32_t i = 0; i < h->sources.n; i++) {
		const struct list *routes = plan_source(b, h->sources.items[i]);

		for (uint32_t k = 0; k < routes->n; k++)
			list_add(b->tmp, &plan->routes, routes->items[k]);
	}
	if (!h->service)
		catch_alls_last(b, plan);
	else if (plan->routes.n)
		add_default_for_others(b, h, plan);
	else
		list_add(b->tmp, &plan->routes, route_plan_default(b, h->service, h->port));
}

/* NULL when nothing has a route here, or the routes are refused. What is worth a warning is
 * planned anew every time, so that every load gives it. */
static const struct vhost *compile_host(struct build *b, const struct layout_host *h)
{
	struct vhost_plan plan = {.name = h->name};
	uint64_t reports = b->n_reports;
	const struct vhost *vh;

	key_sources(b, h);
	vh = vhost_find(b, &b->planned_from);
	if (vh)
		return vh;
	plan_routes(b, h, &plan);
	if (plan.routes.n == 0)
		return NULL;
	vh = vhost_get(b, &plan);
	if (vh && b->n_reports == reports)
		vhost_remember(b, vh, &b->planned_from);
	return vh;
}

void fill_hosts(struct build *b)
{
	const struct list *hosts = &b->layout->hosts;

	map_init(&b->planned);
	for (uint32_t i = 0; i < hosts->n; i++) {
		struct layout_host *h = hosts->items[i];

		if (!b->from || is_replaced(b, h)) {
			h->next = compile_host(b, h);
			continue;
		}
		h->next = h->vhost;
		if (h->vhost)
			vhost_hold(b, h->vhost);
	}
	map_fini(&b->planned);
}

void fill_commit(struct build *b)
{
	const struct list *hosts = &b->layout->hosts;

	for (uint32_t i = 0; i < hosts->n; i++) {
		struct layout_host *h = hosts->items[i];

		h->vhost = h->next;
		for (uint32_t k = 0; k < h->sources.n; k++) {
			struct layout_source *s = h->sources.items[k];

			s->vs = current(b, s->vs);
		}
	}
}

/* ---- the way to them ---- */

/* Every id has its place in by_id, every address in the table of listeners. */
static void add_listener(struct snapshot *s, const struct listener *l,
			 const struct listener **by_id, const struct listener **slots)
{
	uint32_t at = listener_hash(&l->addr.ip, l->addr.port) & s->listeners.mask;

	while (slots[at])
		at = (at + 1) & s->listeners.mask;
	slots[at] = l;
	by_id[l->id] = l;
}

/* Listeners that share a table of domains come one after the other. */
void fill_listeners(struct build *b)
{
	const struct list *from = &b->layout->listeners;
	struct snapshot *s = &b->box->snapshot;
	struct arena *a = b->box->arena;
	struct listener *listeners = arena_array(a, from->n, sizeof(*listeners));
	const struct listener **by_id, **slots;
	const struct hosts *made = NULL;
	struct host_table table = {0};
	uint32_t size = 4;

	while (size < from->n * 2)
		size *= 2;
	slots = arena_array(a, size, sizeof(*slots));
	s->n_listener_ids = intern_bound(&b->c->listener_ids);
	by_id = arena_array(a, s->n_listener_ids, sizeof(*by_id));
	s->listeners = (struct listener_table){.n = from->n, .slots = slots, .mask = size - 1};
	for (uint32_t i = 0; i < from->n; i++) {
		const struct layout_listener *l = from->items[i];

		if (l->hosts != made)
			hosts_table(l->hosts, a, &table);
		made = l->hosts;
		listeners[i] = l->listener;
		listeners[i].hosts = table;
		listeners[i].fallback = l->fallback ? l->fallback->next : NULL;
		add_listener(s, &listeners[i], by_id, slots);
	}
	s->listener_by_id = by_id;
}

/* What fitted everything before fits what was taken over. */
void fill_scratch(struct build *b)
{
	const struct list *hosts = &b->layout->hosts;
	struct snapshot_box *box = b->box;
	struct hs_scratch *before = b->from ? b->from->scratch : NULL;
	bool ok = !before || pattern_copy_scratch(before, &box->scratch, 1);

	for (uint32_t i = 0; i < hosts->n; i++) {
		const struct layout_host *h = hosts->items[i];

		if (h->next && !(b->from && h->next == h->vhost))
			ok &= vhost_fit_scratch(b, h->next, &box->scratch);
	}
	if (box->scratch)
		ok &= pattern_copy_scratch(box->scratch, box->snapshot.scratch, b->c->n_workers);
	if (!ok)
		build_report(b, PROBLEM_LIMIT, NULL, (struct pos){0}, "",
			     "memory to match regular expressions with cannot be allocated");
}
