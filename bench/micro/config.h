/* config.h - from resources written as YAML to a snapshot, through the stages of ctrl. */
#pragma once
#include <compile/compile.h>

/* For one worker, on a node whose labels select any Gateway. */
struct compiler *config_create_compiler(void);

/* Decodes, validates and compiles; ends the program with the problems when there are errors.
 * The snapshot goes back by compiler_free_snapshot(). */
struct snapshot *config_compile(struct compiler *c, const char *yaml);
