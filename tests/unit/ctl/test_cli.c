/* test_cli.c - verbs, their help and exit codes, and an admin API that is played by a socket. */
#include <ctl/cli.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char *out_text, *err_text;

static enum exit_code run_args(const char *admin, const char *const argv[])
{
	size_t out_len, err_len;
	FILE *out, *err;
	enum exit_code code;
	int argc = 0;

	free(out_text);
	free(err_text);
	out = open_memstream(&out_text, &out_len);
	err = open_memstream(&err_text, &err_len);
	while (argv[argc])
		argc++;
	code = cli_run(argc, argv, admin, out, err);
	fclose(out);
	fclose(err);
	return code;
}

#define RUN(...) run_args("unix:/nowhere", (const char *const[]){"weirctl", ##__VA_ARGS__, NULL})

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void help_and_usage(void **state)
{
	(void)state;
	assert_int_equal(RUN("--help"), EXIT_DONE);
	assert_contains(out_text, "usage: weirctl");
	assert_contains(out_text, "proxy-config endpoint");
	assert_string_equal(err_text, "");
	assert_int_equal(RUN(), EXIT_USAGE);
	assert_contains(err_text, "usage: weirctl");
	assert_string_equal(out_text, "");
}

/* Before anything is asked: there is nobody to ask. */
static void every_verb_has_help(void **state)
{
	static const char *const verbs[][2] = {
		{"explain"},        {"proxy-config", "listener"}, {"proxy-config", "route"},
		{"pc", "clusters"}, {"pc", "endpoint"},           {"status"},
		{"version"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		const char *second = verbs[i][1] ? verbs[i][1] : "-h";

		assert_int_equal(RUN(verbs[i][0], second, "--help"), EXIT_DONE);
		assert_contains(out_text, "usage: weirctl ");
		assert_contains(out_text, "--output table|json");
		assert_contains(out_text, "--admin ADDR");
		assert_int_equal(RUN(verbs[i][0], second, "--help", "--nonsense"), EXIT_USAGE);
	}
}

static void bad_usage(void **state)
{
	(void)state;
	assert_int_equal(RUN("stauts"), EXIT_USAGE);
	assert_string_equal(err_text,
			    "weirctl: there is no verb \"stauts\"; did you mean status?\n");
	assert_int_equal(RUN("xyzzyxyzzy"), EXIT_USAGE);
	assert_contains(err_text, "weirctl --help lists them");
	assert_int_equal(RUN("proxy-config"), EXIT_USAGE);
	assert_string_equal(err_text, "weirctl: proxy-config of what? "
				      "listener|route|cluster|endpoint\n");
	assert_int_equal(RUN("pc", "rout"), EXIT_USAGE);
	assert_contains(err_text, "did you mean route?");
	assert_int_equal(RUN("explain"), EXIT_USAGE);
	assert_string_equal(err_text, "usage: weirctl explain [OPTION ...] URL\n");
	assert_int_equal(RUN("status", "now"), EXIT_USAGE);
	assert_contains(err_text, "unexpected argument \"now\"");
	assert_int_equal(RUN("--admin"), EXIT_USAGE);
	assert_int_equal(RUN("--", "-x"), EXIT_USAGE);
	assert_string_equal(out_text, "");
}

static void nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(RUN("status"), EXIT_FAILED);
	assert_contains(err_text, "weirctl: unix:/nowhere: No such file or directory.");
	assert_int_equal(RUN("status", "--admin", "unix:/elsewhere"), EXIT_FAILED);
	assert_contains(err_text, "unix:/elsewhere");
	assert_int_equal(RUN("--admin", "unix:/before", "status"), EXIT_FAILED);
	assert_contains(err_text, "unix:/before");
	assert_int_equal(
		run_args(NULL, (const char *const[]){"weirctl", "--admin", "", "status", NULL}),
		EXIT_FAILED);
	assert_int_equal(RUN("version"), EXIT_FAILED); /* but says its own */
	assert_contains(out_text, "weirctl ");
	assert_int_equal(RUN("version", "--client"), EXIT_DONE);
}

/* ---- a server that says one thing to one client */

struct server {
	struct sockaddr_un sun;
	int fd;
	const char *says;
	char heard[8192];
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	ssize_t n = read(fd, s->heard, sizeof(s->heard) - 1);

	s->heard[n > 0 ? n : 0] = '\0';
	if (send(fd, s->says, strlen(s->says), MSG_NOSIGNAL) < 0)
		s->heard[0] = '\0';
	close(fd);
	return NULL;
}

static enum exit_code run_with(struct server *s, const char *says, const char *const argv[])
{
	char admin[200];
	enum exit_code code;

	memset(s, 0, sizeof(*s));
	s->says = says;
	s->sun.sun_family = AF_UNIX;
	snprintf(s->sun.sun_path, sizeof(s->sun.sun_path), "/tmp/weirctl-test.%d", (int)getpid());
	s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&s->sun, sizeof(s->sun)), 0);
	assert_int_equal(listen(s->fd, 1), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	snprintf(admin, sizeof(admin), "unix:%s", s->sun.sun_path);
	code = run_args(admin, argv);
	pthread_join(s->thread, NULL);
	close(s->fd);
	unlink(s->sun.sun_path);
	return code;
}

#define ASK(s, says, ...) run_with(s, says, (const char *const[]){"weirctl", __VA_ARGS__, NULL})
#define OK(body)          "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body

static void arguments_are_escaped(void **state)
{
	struct server s;

	(void)state;
	assert_int_equal(ASK(&s, OK("{\"verdict\": {\"reason\": \"why\"}}"), "explain",
			     "http://x/a?b=c&d#\xc3\xa4", "-X", "PUT", "-H", "n: v+ w", "-H",
			     "m:", "--from", "::1"),
			 EXIT_DONE);
	assert_contains(s.heard,
			"GET /api/v1/explain?url=http%3A%2F%2Fx%2Fa%3Fb%3Dc%26d%23%C3%A4&method=PUT"
			"&from=%3A%3A1&header=n%3A%20v%2B%20w&header=m%3A HTTP/1.1\r\n");
	assert_string_equal(out_text, "result    why\n");
	assert_int_equal(ASK(&s, OK("{}"), "pc", "listener", "--address", "::1"), EXIT_DONE);
	assert_contains(s.heard, "GET /listeners?brief=1&name=%3A%3A1 HTTP/1.1\r\n");
}

static void answers_that_are_none(void **state)
{
	struct server s;

	(void)state;
	assert_int_equal(ASK(&s, OK("hello"), "status"), EXIT_FAILED);
	assert_contains(err_text, "the answer is no JSON object");
	assert_int_equal(ASK(&s, OK("[]"), "status"), EXIT_FAILED);
	assert_int_equal(ASK(&s, "SSH-2.0-OpenSSH\r\n\r\n", "status"), EXIT_FAILED);
	assert_int_equal(ASK(&s, "", "status"), EXIT_FAILED);
	assert_int_equal(ASK(&s, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status"),
			 EXIT_FAILED);
	assert_contains(err_text, "does not know this question");
	assert_int_equal(ASK(&s, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "status"),
			 EXIT_FAILED);
	assert_contains(err_text, "answered with status 500");
	assert_int_equal(ASK(&s,
			     "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
			     "Content-Length: 0\r\n\r\n",
			     "status"),
			 EXIT_FAILED);
	assert_string_equal(out_text, "");
}

/* One line of it, and nothing that a terminal obeys. */
static void refusals_are_passed_on(void **state)
{
	struct server s;

	(void)state;
	assert_int_equal(ASK(&s,
			     "HTTP/1.1 400 Bad\r\nContent-Length: 15\r\n\r\nno \x1b[2J url\nxxx",
			     "explain", "x"),
			 EXIT_FAILED);
	assert_string_equal(err_text, "weirctl: no \\x1B[2J url\n");
}

/* Members of a type that nobody sends, or none at all. */
static void strange_json_does_no_harm(void **state)
{
	static const char *const bodies[] = {
		OK("{}"),
		OK("{\"listeners\":7,\"virtual_hosts\":{},\"clusters\":[1,null,{}],\"last_load\":[]"
		   "}"),
		OK("{\"virtual_hosts\":[{\"routes\":[{}, 3]}],\"listeners\":[{\"name\":\"[\"}]}"),
		OK("{\"clusters\":[{\"endpoints\":[{\"address\":3},{\"address\":\"[\"},{}]}]}"),
		OK("{\"misses\":[{}],\"misses_total\":0,\"route\":{\"targets\":[{}]},\"verdict\":"
		   "1}"),
	};
	static const char *const verbs[][2] = {{"pc", "listener"},      {"pc", "route"},
					       {"pc", "cluster"},       {"pc", "endpoint"},
					       {"explain", "http://x"}, {"status", "-h"}};
	struct server s;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (size_t k = 0; k < 5; k++)
			assert_int_equal(ASK(&s, bodies[i], verbs[k][0], verbs[k][1]), EXIT_DONE);
	assert_null(strstr(out_text, "further off")); /* fewer than none */
}

static int teardown(void **state)
{
	(void)state;
	free(out_text);
	free(err_text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_and_usage),
		cmocka_unit_test(every_verb_has_help),
		cmocka_unit_test(bad_usage),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(arguments_are_escaped),
		cmocka_unit_test(answers_that_are_none),
		cmocka_unit_test(refusals_are_passed_on),
		cmocka_unit_test(strange_json_does_no_harm),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
