"""The routes of `routes-N`, as each system under test wants them written down.

Route i serves /shop/i/bytes/64. Four kinds take turns: an exact path, a path prefix, a regular
expression, and a prefix that also wants a header, which every request carries. All lead to the
same backend, and the last is as likely as the first.
"""
import os

import yaml

HOST = "routes.example.com"
PATH = "/shop/%n/bytes/64"
HEADER, VALUE = "accept", "*/*"  # the generator sends it


def _kind(i):
    return ("exact", "prefix", "regex", "header")[i % 4]


def _pattern(i):
    """What route i compares the path with."""
    return {"exact": f"/shop/{i}/bytes/64", "prefix": f"/shop/{i}/",
            "regex": f"/shop/{i}/[a-z]+/[0-9]+", "header": f"/shop/{i}/"}[_kind(i)]


def of_kind(kind, n):
    return [_pattern(i) for i in range(n) if _kind(i) == kind]


def _weir_match(i):
    match = {"uri": {"prefix" if _kind(i) == "header" else _kind(i): _pattern(i)}}
    if _kind(i) == "header":
        match["headers"] = {HEADER: {"exact": VALUE}}
    return match


def weir_rules(destination, n):
    """The list of http rules of a VirtualService, as YAML."""
    return yaml.safe_dump([{"match": [_weir_match(i)],
                            "route": [{"destination": {"host": destination}}]}
                           for i in range(n)], default_flow_style=True, width=1000)


NGINX_SERVER = """
	# The routes: a location each.
	server {{
		listen {address};
		server_name {host};
{locations}
	}}
"""
NGINX_LOCATION = {
    # A tree of literal names, exact ones ending the search ...
    "exact": "location = {} {{ proxy_pass http://backend; }}",
    # ... prefixes that need no look at the expressions (^~) ...
    "prefix": "location ^~ {} {{ proxy_pass http://backend; }}",
    "header": "location ^~ {{}} {{{{ if ($http_{name} != \"{value}\") {{{{ return 404; }}}} "
              "proxy_pass http://backend; }}}}".format(name=HEADER.replace("-", "_"), value=VALUE),
    # ... and the expressions, tried one after the other (pcre_jit does not change that).
    "regex": "location ~ ^{}$ {{ proxy_pass http://backend; }}",
}

HAPROXY_RULES = """\
	# The routes: maps, as its manual advises for long lists; the first that has it decides.
	acl routes hdr(host) -i {host}
	acl chosen var(txn.to) -m found
	http-request set-var(txn.to) path,map({dir}/exact.map) if routes
	http-request set-var(txn.to) path,map_beg({dir}/prefix.map) if routes !chosen
	acl wanted req.hdr({header}) -m str {value}
	http-request set-var(txn.to) path,map_beg({dir}/header.map) if routes !chosen wanted
	http-request set-var(txn.to) path,map_reg({dir}/regex.map) if routes !chosen
	http-request deny status 404 if routes !chosen
	use_backend %[var(txn.to)] if chosen
"""


def nginx_rules(address, n):
    lines = ("\t\t" + NGINX_LOCATION[_kind(i)].format(_pattern(i)) for i in range(n))
    return NGINX_SERVER.format(address=address, host=HOST, locations="\n".join(lines))


def haproxy_rules(folder, n):
    """The rules; the maps they read are written to the folder."""
    for kind in ("exact", "prefix", "header", "regex"):
        form = "^{}$ out\n" if kind == "regex" else "{} out\n"
        with open(os.path.join(folder, f"{kind}.map"), "w", encoding="ascii") as f:
            f.writelines(form.format(pattern) for pattern in of_kind(kind, n))
    return HAPROXY_RULES.format(host=HOST, dir=folder, header=HEADER, value=VALUE)
