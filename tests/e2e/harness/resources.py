"""Resources as the tests need them; each function returns one YAML document."""
import yaml

NETWORKING = "networking.istio.io/v1"


def documents(*docs):
    return "---\n".join(docs)


def _dump(api, kind, name, spec, ns, labels=None, annotations=None):
    meta = {"name": name, "namespace": ns}
    if labels:
        meta["labels"] = labels
    if annotations:
        meta["annotations"] = annotations
    return yaml.safe_dump({"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec},
                          sort_keys=False)


def gateway(name="public", hosts=("*",), port=80, ns="default", selector=None,
            annotations=None):
    return _dump(NETWORKING, "Gateway", name, {
        "selector": selector or {"istio": "ingressgateway"},
        "servers": [{"port": {"number": port, "name": "http", "protocol": "HTTP"},
                     "hosts": list(hosts)}]}, ns, annotations=annotations)


def virtual_service(name, hosts, http, gateways=("public",), ns="default", annotations=None):
    """`http` is the list of rules, as YAML; no gateways: bound to the mesh."""
    spec = {"hosts": list(hosts)}
    if gateways:
        spec["gateways"] = list(gateways)
    return _dump(NETWORKING, "VirtualService", name, {**spec, "http": yaml.safe_load(http)}, ns,
                 annotations=annotations)


def destination_rule(host, *versions, ns="default", policy=None):
    spec = {"host": host, "subsets": [{"name": v, "labels": {"version": v}} for v in versions]}
    if policy:
        spec["trafficPolicy"] = policy
    return _dump(NETWORKING, "DestinationRule", host.split(".")[0], spec, ns)


def service(name, port, cluster_ip=None, target_port=None, ns="default", port_name="http"):
    spec = {"selector": {"app": name},
            "ports": [{"name": port_name, "port": port, "targetPort": target_port or port}]}
    if cluster_ip:
        spec["clusterIP"] = cluster_ip
    return _dump("v1", "Service", name, spec, ns)


def workload(app, version, address, ns="default", suffix=""):
    return _dump(NETWORKING, "WorkloadEntry", f"{app}-{version}{suffix}", {
        "address": address, "labels": {"app": app, "version": version}}, ns)


def single(name, ip, port, host, cluster_ip=None):
    """A service of one workload, and the route from a public host (a full name) to it."""
    return documents(
        service(name, port, cluster_ip), workload(name, "v1", ip),
        virtual_service(name, [host], f"[{{route: [{{destination: {{host: {name}}}}}]}}]"))
