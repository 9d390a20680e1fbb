/* What a service manager receives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "notify.h"

static int manager(const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, name);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&sun,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	return fd;
}

static void assert_received(int fd, const char *expected)
{
	char buf[2048];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, expected);
}

static void to_a_path(void **state)
{
	char dir[] = "/tmp/weir-notify-XXXXXX", path[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	fd = manager(path);
	setenv("NOTIFY_SOCKET", path, 1);
	notify_send("READY=1");
	notify_send("STATUS=serving snapshot %d", 3);
	assert_received(fd, "READY=1");
	assert_received(fd, "STATUS=serving snapshot 3");
	close(fd);
	unlink(path);
	notify_send("READY=1"); /* nobody there: no harm */
	rmdir(dir);
}

static void to_an_abstract_name(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@weir-notify-%d", getpid());
	fd = manager(name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("STOPPING=1\nSTATUS=draining");
	assert_received(fd, "STOPPING=1\nSTATUS=draining");
	close(fd);
}

static void without_a_manager(void **state)
{
	char longer[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	notify_send("READY=1");
	memset(longer, '/', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	notify_send("READY=1");
}

static void a_manager_that_does_not_read(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@weir-notify-full-%d", getpid());
	fd = manager(name);
	setenv("NOTIFY_SOCKET", name, 1);
	alarm(10);
	for (int i = 0; i < 5000; i++)
		notify_send("STATUS=%d", i);
	alarm(0);
	assert_received(fd, "STATUS=0");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_a_path),
		cmocka_unit_test(to_an_abstract_name),
		cmocka_unit_test(without_a_manager),
		cmocka_unit_test(a_manager_that_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
