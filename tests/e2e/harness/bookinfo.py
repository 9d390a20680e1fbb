"""Istio's sample application, played by nginx as demo/resources/bookinfo.yaml writes it down."""
import os

import yaml

from .lab import REPO
from .nginx import Nginx

RESOURCES = os.path.join(REPO, "demo", "resources")


def registry():
    """Services, workloads, subsets and the Gateway `public`; no route."""
    with open(os.path.join(RESOURCES, "bookinfo.yaml"), encoding="utf-8") as f:
        return f.read()


def _of_kind(kind):
    return [doc for doc in yaml.safe_load_all(registry()) if doc["kind"] == kind]


PORTS = {s["metadata"]["name"]: s["spec"]["ports"][0]["port"] for s in _of_kind("Service")}
VIPS = {s["metadata"]["name"]: s["spec"]["clusterIP"] for s in _of_kind("Service")}
PORT = PORTS["reviews"]


def start(lab):
    """The backends, by name-version."""
    servers = []
    for entry in _of_kind("WorkloadEntry"):
        spec = entry["spec"]
        app, version = spec["labels"]["app"], spec["labels"]["version"]
        servers.append(Nginx(lab, app, version, spec["address"], PORTS[app]))
    return {s.name: s for s in servers}
