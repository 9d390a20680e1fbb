/* yaml.h - pieces of YAML that the compiler's tests put together. */
#pragma once

#define OBJECT(version, kind, name, ns)                                                            \
	"---\napiVersion: " version "\nkind: " kind "\nmetadata: {name: " name ", namespace: " ns  \
	"}\n"
#define ISTIO(kind, name, ns) OBJECT("networking.istio.io/v1", kind, name, ns)

#define HTTP_PORT(n)           "port: {number: " n ", name: http, protocol: HTTP}"
#define HTTP_PORT2(n)          "port: {number: " n ", name: http2, protocol: HTTP}"
#define GATEWAY(name, servers) ISTIO("Gateway", name, "default") "spec: {servers: [" servers "]}\n"

#define DEST(host) "route: [{destination: {host: " host "}}]"
/* One http rule. */
#define VS(name, ns, hosts, gateways, rule)                                                        \
	ISTIO("VirtualService", name, ns)                                                          \
	"spec: {hosts: " hosts ", gateways: [" gateways "], http: [{" rule "}]}\n"
#define VS_MESH(name, ns, hosts, rule)                                                             \
	ISTIO("VirtualService", name, ns) "spec: {hosts: " hosts ", http: [{" rule "}]}\n"

#define DR(name, ns, spec) ISTIO("DestinationRule", name, ns) "spec: {" spec "}\n"
#define SE(name, ns, spec) ISTIO("ServiceEntry", name, ns) "spec: {" spec "}\n"

#define SERVICE_OF(name, ns, spec) OBJECT("v1", "Service", name, ns) "spec: {" spec "}\n"
#define POD(name, ns, labels, ip, more)                                                            \
	"---\napiVersion: v1\nkind: Pod\nmetadata: {name: " name ", namespace: " ns                \
	", labels: {" labels "}}\nstatus: {podIP: " ip "}\n" more
#define WORKLOAD(name, ns, spec) ISTIO("WorkloadEntry", name, ns) "spec: {" spec "}\n"
