/* problems.h - one row per mistake: what is written, and what must be said about it. */
#pragma once
#include <common/codes.h>

struct problem {
	const char *name;
	const char *text;
	enum diag_code code;
	unsigned line;     /* 1-based, in text */
	const char *field; /* the whole path */
};

/* Each row is loaded alone; the problem must be there, and no other error. */
struct problem_table {
	const char *name;
	const struct problem *rows;
	size_t n;
};

extern const struct problem_table decode_problems, common_problems, virtual_service_problems,
	action_problems, l4_problems, destination_rule_problems, gateway_problems,
	service_entry_problems, health_check_problems, reference_problems;

/* Four lines of envelope; the body of the spec begins in line 5. */
#define OBJECT(kind, name)                                                                         \
	"apiVersion: networking.istio.io/v1\nkind: " kind "\nmetadata: {name: " name "}\nspec:\n"

#define VS(spec) OBJECT("VirtualService", "x") spec
#define DR(spec) OBJECT("DestinationRule", "x") "  host: a\n" spec /* spec from line 6 */
#define GW(spec) OBJECT("Gateway", "x") spec
#define SE(spec) OBJECT("ServiceEntry", "x") spec
#define WE(spec) OBJECT("WorkloadEntry", "x") spec

/* A VirtualService with one route; its body is rule fields from line 8 on, indented by 4. */
#define RULE(body) VS("  hosts: [x.test]\n  http:\n  - route: [{destination: {host: a}}]\n") body

#define TABLE(array)                                                                               \
	{                                                                                          \
		.name = #array, .rows = array, .n = sizeof(array) / sizeof((array)[0])             \
	}
