/* problems.h - what only compilation can find, as data: codes 09xx.
 *
 * Everything that an object or a pair of objects shows on its own is validation's; these
 * need the node, the whole set, or Hyperscan's opinion. */
#pragma once
#include <common/diag.h>

/* clang-format off */
#define COMPILE_PROBLEMS(X)                                                                        \
	X(PATTERN,          "WEIR0901", ERROR,   "a regular expression cannot be executed")        \
	X(LIMIT,            "WEIR0902", ERROR,   "more of something than the workers have room for") \
	X(NOT_EXECUTABLE,   "WEIR0903", ERROR,   "a field that this version cannot execute")       \
	X(NOT_EXECUTED,     "WEIR0904", WARNING, "a value that has no effect in this version")     \
	X(SERVER_DROPPED,   "WEIR0905", WARNING, "another server or service has the address already") \
	X(SERVICE_TWICE,    "WEIR0906", WARNING, "another object has defined this service already") \
	X(ENDPOINT_ADDRESS, "WEIR0907", WARNING, "an endpoint's address is no IP address")         \
	X(WEIGHTS_ROUNDED,  "WEIR0908", WARNING, "weights are too fine to be kept exactly") \
	X(DELEGATE_DROPPED, "WEIR0909", WARNING, "a delegate's rule does not fit inside the root's") \
	X(WORKLOAD_GROUP,   "WEIR0910", WARNING, "a WorkloadEntry's group does not exist") \
	X(TCP_UNROUTED,     "WEIR0911", WARNING, "a TCP server that no tcp rule is for")
/* clang-format on */

enum problem {
#define X(id, code, severity, summary) PROBLEM_##id,
	COMPILE_PROBLEMS(X)
#undef X
		PROBLEM_COUNT
};
