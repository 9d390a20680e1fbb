"""Configuration files of nginx and haproxy: bench/peers/ with the blanks filled in."""
import os
import re

import routes
from harness.lab import REPO

TEMPLATES = os.path.join(REPO, "bench", "peers")
SPARE = 4096  # connections besides those of clients: upstreams, listeners


def fill(template, values):
    """`@name@` becomes values["name"]; a name that is not there is a mistake."""
    with open(os.path.join(TEMPLATES, template), encoding="ascii") as f:
        return re.sub(r"@(\w+)@", lambda m: str(values[m.group(1)]), f.read())


def nginx(folder, address, backend, cpu, connections, n_routes):
    """The text of nginx.conf for so many client connections."""
    n = connections + SPARE
    return fill("nginx.conf", {
        "dir": folder, "address": address, "backend": backend,
        "cpu_mask": bin(1 << cpu)[2:], "connections": n, "files": n + SPARE,
        "routes": routes.nginx_rules(address, n_routes) if n_routes else ""})


def haproxy(folder, address, backend, cpu, connections, n_routes):
    """The text of haproxy.cfg for so many client connections."""
    return fill("haproxy.cfg", {
        "dir": folder, "address": address, "backend": backend, "cpu": cpu,
        "connections": connections + SPARE,
        "routes": routes.haproxy_rules(folder, n_routes) if n_routes else ""})
