/* cli.h - the command line of weirctl: finds the verb, reads its options, runs it. */
#pragma once
#include <stdio.h>

#include "verb.h"

/* Where the admin API is when neither --admin nor WEIR_ADMIN says so. */
#define ADMIN_DEFAULT "unix:/run/weir/admin.sock"

/* argv[0] is the program's name. admin: WEIR_ADMIN of the environment, or NULL. */
enum exit_code cli_run(int argc, const char *const *argv, const char *admin, FILE *out, FILE *err);
