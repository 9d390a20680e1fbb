/* options.c - see options.h; docs/operations.md describes the same options. */
#include "options.h"

#include <getopt.h>

#include <weir/abi.h>

static const char usage[] =
	"usage: weir [-c FILE] [--check]\n"
	"  -c, --config FILE  node configuration (default " OPTIONS_CONFIG_DEFAULT ")\n"
	"      --check        check the node configuration and all resources, and exit\n"
	"      --version      print the version and exit\n"
	"      --help         print this and exit\n";

enum { OPT_CHECK = 256, OPT_VERSION, OPT_HELP };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, OPT_CHECK},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static enum options_verdict bad(FILE *err, const char *what, const char *arg)
{
	fprintf(err, "weir: %s: %s\n%s", arg, what, usage);
	return OPTIONS_BAD;
}

enum options_verdict options_parse(struct options *o, int argc, char **argv, FILE *out, FILE *err)
{
	int c;

	*o = (struct options){.config = OPTIONS_CONFIG_DEFAULT};
	optind = 0; /* glibc: start over, so that a second call parses its own argv */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:h", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case OPT_CHECK:
			o->check = true;
			break;
		case OPT_VERSION:
			fputs("weir " WEIR_VERSION "\n", out);
			return OPTIONS_DONE;
		case 'h':
		case OPT_HELP:
			fputs(usage, out);
			return OPTIONS_DONE;
		case ':':
			return bad(err, "needs a value", argv[optind - 1]);
		default:
			return bad(err, "no such option", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return bad(err, "unexpected argument", argv[optind]);
	return OPTIONS_RUN;
}
