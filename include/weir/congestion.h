/* congestion.h - the congestion controllers there are, by their names in the configuration. */
#pragma once

#define CONGESTION_LIST(X)                                                                         \
	X(CUBIC, cubic)                                                                            \
	X(RENO, reno)                                                                              \
	X(BBR, bbr)

enum congestion {
#define X(id, name) CONGESTION_##id,
	CONGESTION_LIST(X)
#undef X
		CONGESTIONS
};
