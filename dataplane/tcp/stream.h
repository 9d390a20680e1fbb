/* stream.h - the bytestream operations of a TCP connection. */
#pragma once
#include <base/bytestream.h>

extern const struct bytestream_ops tcp_stream_ops;
