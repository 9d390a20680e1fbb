/* main.c - weirctl: the command line of a running weir, over its admin API. */
#include <stdlib.h>

#include "cli.h"

int main(int argc, char **argv)
{
	return cli_run(argc, (const char *const *)argv, getenv("WEIR_ADMIN"), stdout, stderr);
}
