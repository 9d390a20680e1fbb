/* grpc.h - gRPC's status codes by name (grpc/doc/statuscodes.md). */
#pragma once

/* -1: no status has this name. */
int grpc_status_of(const char *name);
