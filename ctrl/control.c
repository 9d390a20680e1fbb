/* control.c - one thread, one epoll set, no locks. Deadlines are checked once per turn. */
#include "control.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <admin/access_log.h>
#include <admin/server.h>
#include <health/changes.h>
#include <health/outlier.h>
#include <snapshot/publisher.h>
#include <source/watch.h>

#include "load.h"
#include "notify.h"
#include "report.h"

/* How often the rings are emptied: a worker's holds 1024 records, so a busy one is visited
 * as often as a request in a millisecond can fill it. */
#define LOG_TICK_US      20000u
#define LOG_BUSY_TICK_US 1000u
#define LOG_BUSY_RECORDS 128u
#define REAP_TICK_US     50000u

struct control {
	const struct node_config *cfg;
	struct load_stages stages;
	struct publisher *publisher;
	struct dataplane *dataplane;
	struct admin *admin;
	struct access_log *log;
	struct watch *watch;
	struct admin_state state;
	struct outlier_sweep outliers;
	struct health_changes changes;

	int epoll_fd, signal_fd;
	bool stopping; /* leave the loop now */
	uint64_t drain_deadline_us;
	uint64_t log_due_us, reap_due_us, rescan_due_us;

	bool published;
	uint64_t published_hash; /* of the texts that the current snapshot was made of */
	size_t published_resources;
};

static uint64_t clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

/* ---- loading ---- */

static void wake(void *arg)
{
	struct control *c = arg;

	if (c->state.running)
		dataplane_wake(c->dataplane);
}

static void refresh_state(struct control *c)
{
	c->state.snapshots_alive = publisher_alive(c->publisher);
	c->state.apply_seconds = publisher_last_apply_seconds(c->publisher);
}

static void notify_status(const struct control *c)
{
	const struct load_report *load = &c->state.last_load;

	if (!c->published)
		notify_send("STATUS=not ready: the resources have %zu errors", load->diags.errors);
	else if (!load->ok)
		notify_send("STATUS=serving snapshot %llu; the resources now have %zu errors",
			    (unsigned long long)publisher_generation(c->publisher),
			    load->diags.errors);
	else
		notify_send("STATUS=serving snapshot %llu: %zu resources",
			    (unsigned long long)publisher_generation(c->publisher),
			    load->resources);
}

/* Takes next's diags. */
static void keep_report(struct control *c, struct load_report *next, uint64_t began_us)
{
	next->took_us = now_us() - began_us;
	diags_fini(&c->state.last_load.diags);
	c->state.last_load = *next;
	if (next->ok)
		c->state.loads_ok++;
	else
		c->state.loads_failed++;
}

static void publish(struct control *c, struct snapshot *snap, struct load_report *report)
{
	publisher_publish(c->publisher, snap, wake, c);
	outlier_sweep_follow(&c->outliers, snap, dataplane_now_us(c->dataplane));
	health_changes_follow(&c->changes, snap);
	c->published = true;
	c->published_hash = store_hash(c->stages.store);
	c->published_resources = report->resources;
	report->ok = true;
	refresh_state(c);
}

static void say_result(const struct control *c, const struct load_report *r)
{
	diags_print(&r->diags, stderr);
	if (r->ok)
		report_line("snapshot %llu: %zu resources, %zu warnings, %.1f ms",
			    (unsigned long long)publisher_generation(c->publisher), r->resources,
			    r->diags.warnings, (double)r->took_us / 1000);
	else
		report_line("the resources have %zu errors; %s", r->diags.errors,
			    c->published ? "the last good ones stay in use"
					 : "nothing is served until they are put right");
}

/* The texts are those in use already: either nothing happened, or an error was undone. */
static void load_unchanged(struct control *c, struct load_report *report, uint64_t began_us,
			   bool asked)
{
	if (!c->state.last_load.ok) {
		report->ok = true;
		report->resources = c->published_resources;
		keep_report(c, report, began_us);
		report_line("the resources are again those of snapshot %llu",
			    (unsigned long long)publisher_generation(c->publisher));
		return;
	}
	diags_fini(&report->diags);
	if (asked)
		report_line("the resources are unchanged");
}

static void read_texts(struct control *c, bool everything)
{
	struct source_changes changes;

	watch_take(c->watch, &changes);
	changes.all |= everything;
	store_refresh(c->stages.store, &changes);
}

/* asked: somebody waits for a word, even when nothing changed. */
static void load(struct control *c, bool asked)
{
	struct load_report report = {.when_us = clock_us(CLOCK_REALTIME)};
	struct snapshot *snap;
	uint64_t began_us = now_us();

	diags_init(&report.diags);
	read_texts(c, asked);
	if (c->published && store_hash(c->stages.store) == c->published_hash &&
	    store_readable(c->stages.store)) {
		load_unchanged(c, &report, began_us, asked);
		return;
	}
	snap = load_build(&c->stages, &report);
	if (snap)
		publish(c, snap, &report);
	keep_report(c, &report, began_us);
	say_result(c, &c->state.last_load);
}

static void reload(struct control *c, bool asked)
{
	if (c->state.draining)
		return;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now_us());
	load(c, asked);
	notify_send("READY=1");
	notify_status(c);
}

/* ---- signals ---- */

static void take_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

void control_block_signals(void)
{
	sigset_t set;

	take_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a log reader or admin client that left */
}

static void drain(struct control *c)
{
	if (c->state.draining) {
		report_line("stopping now");
		c->stopping = true;
		return;
	}
	report_line("draining for at most %.1f s; a second signal stops at once",
		    (double)c->cfg->drain_timeout_us / 1e6);
	notify_send("STOPPING=1\nSTATUS=draining");
	c->state.draining = true;
	c->drain_deadline_us = now_us() + c->cfg->drain_timeout_us;
	dataplane_drain(c->dataplane);
}

static void reopen_log(struct control *c)
{
	int rc = c->log ? access_log_reopen(c->log) : 0;

	if (rc < 0)
		report_line("cannot reopen the access log %s: %s; the old file stays in use",
			    c->cfg->log_path, strerror(-rc));
}

static void on_signals(struct control *c)
{
	struct signalfd_siginfo info;

	while (read(c->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			drain(c);
			break;
		case SIGHUP:
			reload(c, true);
			break;
		case SIGUSR1:
			reopen_log(c);
			break;
		default:
			break;
		}
	}
}

/* ---- what is due ---- */

static void drain_log(struct control *c, uint64_t now)
{
	unsigned most = 0;

	for (unsigned w = 0; w < dataplane_workers(c->dataplane); w++) {
		unsigned n = access_log_drain(c->log, dataplane_log_ring(c->dataplane, w));

		most = n > most ? n : most;
	}
	access_log_flush(c->log);
	c->log_due_us = now + (most >= LOG_BUSY_RECORDS ? LOG_BUSY_TICK_US : LOG_TICK_US);
}

static void report_duplicates(struct control *c)
{
	char text[IP_ADDR_STRLEN];
	const char *iface;
	struct ip_addr ip;

	while (dataplane_next_duplicate(c->dataplane, &iface, &ip))
		report_line("interface %s: another host has the address %s: it is not used until "
			    "a restart; give one of the two another address",
			    iface, ip_addr_format(&ip, text));
}

static void say_health(const struct cluster *cl, const struct endpoint *e, enum health_state state,
		       const char *why)
{
	uint32_t status = __atomic_load_n(&e->health->record.status, __ATOMIC_RELAXED);

	if (state != HEALTH_WELL && status)
		report_line("endpoint %s of %s is out: %s (%u)", e->name, cl->name, why, status);
	else
		report_line("endpoint %s of %s is %s: %s", e->name, cl->name,
			    state == HEALTH_WELL ? "in again" : "out", why);
}

static void reap(struct control *c, uint64_t now)
{
	health_changes_tell(&c->changes, say_health);
	publisher_reap(c->publisher);
	refresh_state(c);
	report_duplicates(c);
	c->reap_due_us = now + REAP_TICK_US;
}

static void check_drained(struct control *c, uint64_t now)
{
	if (!c->state.draining || c->stopping)
		return;
	if (dataplane_idle(c->dataplane)) {
		report_line("drained");
		c->stopping = true;
	} else if (now >= c->drain_deadline_us) {
		report_line("the drain timed out: the requests left are cut");
		c->stopping = true;
	}
}

static void run_due(struct control *c)
{
	uint64_t now = now_us();

	if (c->log && now >= c->log_due_us)
		drain_log(c, now);
	if (now >= c->reap_due_us)
		reap(c, now);
	outlier_sweep_run(&c->outliers, dataplane_now_us(c->dataplane));
	if (now >= c->rescan_due_us) {
		watch_rescan(c->watch, now);
		c->rescan_due_us = now + WATCH_RESCAN_US;
	}
	if (now >= watch_due_us(c->watch))
		reload(c, false);
	check_drained(c, now);
}

/* Their due time is of another clock. */
static uint64_t outliers_due_in_us(const struct control *c)
{
	uint64_t now = dataplane_now_us(c->dataplane), due = c->outliers.due_us;

	if (due == UINT64_MAX)
		return REAP_TICK_US;
	return due > now ? due - now : 0;
}

/* Rounded up: a turn that comes too early would spin. */
static int timeout_ms(const struct control *c)
{
	uint64_t now = now_us(), due = c->reap_due_us;
	int admin = admin_timeout_ms(c->admin), ms;

	if (c->log && c->log_due_us < due)
		due = c->log_due_us;
	if (c->rescan_due_us < due)
		due = c->rescan_due_us;
	if (watch_due_us(c->watch) < due)
		due = watch_due_us(c->watch);
	if (now + outliers_due_in_us(c) < due)
		due = now + outliers_due_in_us(c);
	ms = due > now ? (int)((due - now + 999) / 1000) : 0;
	return admin >= 0 && admin < ms ? admin : ms;
}

void control_run(struct control *c)
{
	struct epoll_event events[8];

	while (!c->stopping) {
		int n = epoll_wait(c->epoll_fd, events, 8, timeout_ms(c));

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == c->signal_fd)
				on_signals(c);
			else if (events[i].data.fd == watch_fd(c->watch))
				watch_drain(c->watch, now_us());
		}
		admin_run(c->admin);
		run_due(c);
	}
}

/* ---- life ---- */

static bool poll_fd(struct control *c, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

static bool open_loop(struct control *c)
{
	int fds[ADMIN_SOCKETS_MAX];
	unsigned n = admin_fds(c->admin, fds);
	sigset_t set;
	bool ok;

	take_signals(&set);
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	ok = c->epoll_fd >= 0 && c->signal_fd >= 0 && poll_fd(c, c->signal_fd) &&
	     poll_fd(c, watch_fd(c->watch));
	for (unsigned i = 0; ok && i < n; i++)
		ok = poll_fd(c, fds[i]);
	return ok;
}

static bool open_watch(struct control *c, char *err, size_t err_len)
{
	int rc = watch_create(&c->watch, c->cfg->directories.items, c->cfg->directories.n);

	if (rc < 0)
		snprintf(err, err_len, "cannot watch the resource directories: %s", strerror(-rc));
	return rc == 0;
}

static bool open_log(struct control *c, char *err, size_t err_len)
{
	if (c->cfg->log_format == LOG_FORMAT_NONE)
		return true;
	c->log = access_log_open(c->cfg->log_path, c->cfg->log_format, err, err_len);
	c->state.access_log = c->log;
	return c->log != NULL;
}

/* In the order in which control_destroy() undoes it, from the end. */
static bool open_all(struct control *c, char *err, size_t err_len)
{
	load_init(&c->stages, c->cfg);
	c->publisher = publisher_create(c->stages.compiler, c->cfg->dataplane.n_workers);
	if (!c->publisher) {
		snprintf(err, err_len, "cannot start: no memory for %u workers' snapshots",
			 c->cfg->dataplane.n_workers);
		return false;
	}
	c->state.cell = publisher_cell(c->publisher);
	if (!open_log(c, err, err_len))
		return false;
	c->dataplane =
		dataplane_create(&c->cfg->dataplane, publisher_cell(c->publisher), err, err_len);
	if (!c->dataplane)
		return false;
	c->state.dataplane = c->dataplane;
	c->admin =
		admin_create(&c->state, c->cfg->admin_listen, c->cfg->admin_socket, err, err_len);
	if (!c->admin || !open_watch(c, err, err_len))
		return false;
	if (open_loop(c))
		return true;
	snprintf(err, err_len, "cannot start the control loop: %s", strerror(errno));
	return false;
}

struct control *control_create(const struct node_config *cfg, char *err, size_t err_len)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c) {
		snprintf(err, err_len, "cannot start: out of memory");
		return NULL;
	}
	c->cfg = cfg;
	c->epoll_fd = c->signal_fd = -1;
	outlier_sweep_init(&c->outliers);
	health_changes_init(&c->changes);
	c->state.node = cfg;
	c->state.started_us = clock_us(CLOCK_REALTIME);
	diags_init(&c->state.last_load.diags);
	if (!open_all(c, err, err_len)) {
		control_destroy(c);
		return NULL;
	}
	load(c, true);
	dataplane_start(c->dataplane);
	c->state.running = true;
	notify_send("READY=1");
	notify_status(c);
	return c;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void control_destroy(struct control *c)
{
	close_fd(c->epoll_fd);
	close_fd(c->signal_fd);
	watch_destroy(c->watch);
	admin_destroy(c->admin);
	if (c->dataplane) {
		if (c->state.running)
			dataplane_stop(c->dataplane);
		if (c->log)
			drain_log(c, now_us());
		dataplane_destroy(c->dataplane);
	}
	access_log_close(c->log);
	outlier_sweep_fini(&c->outliers);
	health_changes_fini(&c->changes);
	if (c->publisher)
		publisher_destroy(c->publisher);
	load_fini(&c->stages);
	diags_fini(&c->state.last_load.diags);
	free(c);
}
