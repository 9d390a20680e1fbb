"""nginx and haproxy in weir's place: what the bench compares with, tuned as their manuals say."""
import os

from . import proc
from .lab import GW_EXT_IP

NGINX = """\
daemon off;
master_process off;
pid {dir}/proxy.pid;
error_log stderr error;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off;
  server_tokens off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_max_body_size 0;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  upstream backend {{
    server {backend};
    keepalive 1024;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
  }}
  server {{
    listen {ip}:80 backlog=16384;
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Request-Id $request_id;
    }}
  }}
}}
"""

HAPROXY = """\
global
  maxconn 4000
  nbthread 1
  tune.bufsize 16384
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  option forwardfor
  http-reuse always
frontend in
  bind {ip}:80 backlog 16384
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  default_backend out
backend out
  server one {backend} pool-max-conn -1
"""


class KernelProxy:
    """A proxy on the kernel's TCP: every request goes to one backend."""

    def __init__(self, lab, name, config, argv, backend, cpus=None):
        self.lab, self.name = lab, name
        self.dir = os.path.join(proc.scratch(), f"proxy-{name}")
        os.makedirs(self.dir, exist_ok=True)
        path = os.path.join(self.dir, "proxy.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(config.format(dir=self.dir, ip=GW_EXT_IP, backend=backend))
        lab.kernel_gateway()
        self.process = proc.Process(name, [*argv, path], ns=lab.gw, cpus=cpus)
        proc.wait_until(f"{name} listens", self._listens)

    def _listens(self):
        if not self.process.running():
            raise RuntimeError(f"{self.name}: {self.process.log()}")
        with self.lab.client.socket() as s:
            return s.connect_ex((GW_EXT_IP, 80)) == 0

    def stop(self):
        self.process.stop()
        self.lab.no_kernel_gateway()


def nginx_proxy(lab, backend, cpus=None):
    return KernelProxy(lab, "nginx", NGINX, ["nginx", "-e", "stderr", "-c"], backend, cpus)


def haproxy(lab, backend, cpus=None):
    return KernelProxy(lab, "haproxy", HAPROXY, ["haproxy", "-db", "-f"], backend, cpus)
