/* h1_error.c - what to answer and to log for a broken rule. */
#include <http/h1.h>

struct error {
	uint16_t status;
	const char *name;
};

static const struct error errors[] = {[0] = {400, "http1.error"},
#define X(id, number, status, name) [number] = {status, name},
				      H1_ERRORS(X)
#undef X
};

static const struct error *find(int error)
{
	unsigned i = -(unsigned)error;

	return &errors[i < RTE_DIM(errors) ? i : 0];
}

uint16_t h1_error_status(int error)
{
	return find(error)->status;
}

const char *h1_error_name(int error)
{
	return find(error)->name;
}
