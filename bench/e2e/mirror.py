"""What a mirror of every request costs those who wait for the answer: nothing may come of a mirror
that is dead or slow, and no more than the sending of one that is fast.

The generator plays the mirror beside the backend: the same address for a fast one, a second
address whose answers are late for a slow one, a port where nobody listens for a dead one.
"""
from measure import throughput
from rig import BACKEND_IP, BACKEND_PORT
from workloads import BASE

LATE_IP, LATE_US = "198.19.0.2", 100_000
SHADOWS = {"none": None, "dead": (BACKEND_IP, BACKEND_PORT + 1), "slow": (LATE_IP, BACKEND_PORT),
           "fast": (BACKEND_IP, BACKEND_PORT)}
ALIKE = ("--backend-addresses", 2, "--backend-prompt", 1, "--backend-latency", LATE_US)
# A window of latency. The kernel's timer stops each CPU for some 15 us about every 4 ms: one
# request in a hundred meets one on either CPU, which makes p99 of anything longer the timer's. Of
# windows of a millisecond most have none.
WINDOW_MS = 1
# Of the maximum without a mirror, where latency is measured. The maximum is that of full bursts; one
# by one a request costs more than twice as much, and at a fifth a worker with a fast mirror is busy
# for two thirds of its time: the wait is that for a busy worker and says little of mirrors.
LOAD = 0.1


def sample(ctx, system, shadow, *args):
    """A sample with this mirror."""
    return throughput(ctx, system, BASE, (*ALIKE, *args), shadow=SHADOWS[shadow])


def at_rate(ctx, system, shadow, rate):
    """The fields of latency at a fixed rate."""
    found = sample(ctx, system, shadow, "--rate", round(rate), "--latency-window", WINDOW_MS)
    return {f"tenth_{k}": found[k] for k in ("rps", "p99_us", "window_p99_us", "wrong")}
