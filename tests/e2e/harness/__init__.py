"""What the functional tests, the demo and the end-to-end bench stand on.

A *lab* is three network namespaces joined by veth pairs (client - gateway - backends); the other
modules start real programs in it. Everything made here is gone when the process that made it is.
"""
