"""Real HTTP servers: nginx made from a template, one process each."""
import json
import os
import random

from . import proc
from .netns import family_of

# `return` takes a literal, so /status/N is one location per code.
STATUS_CODES = (200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 409, 418, 429,
                500, 501, 502, 503, 504)
BLOCK = 1 << 20
ECHO_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"

TEMPLATE = """\
load_module {module};
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr error;
events {{ worker_connections 16384; multi_accept on; }}
http {{
  access_log off;
  server_tokens off;
  keepalive_requests 1000000;
  keepalive_timeout 300s;
  client_max_body_size 0;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  default_type application/json;
  server {{
    listen {address}{http2} backlog=16384;
    add_header x-backend {name} always;
    location / {{
      if ($http_x_show) {{ rewrite ^ /show last; }}
      return 200 '{body}';
    }}
    location = /show {{
      internal;
      default_type text/plain;
      echo_duplicate 1 $echo_client_request_headers;
    }}
    location /files/ {{ root {dir}; default_type application/octet-stream; sendfile on; }}
    location = /headers {{
      default_type text/plain;
      echo_duplicate 1 $echo_client_request_headers;
    }}
    location = /protocol {{ return 200 '$server_protocol'; }}
    location = /fields {{
      return 200 '$http_host|$http_x_mixed|$http_te|$http_cookie|$http_x_drop|$http_connection';
    }}
    location ~ ^/delay/([0-9.]+)$ {{
      echo_sleep $1;
      echo -n '{body}';
    }}
{status}
  }}
}}
"""


def body_of(service, version):
    """What a backend answers: its name and version, as small JSON."""
    return json.dumps({"service": service, "version": version}) + "\n"


class Nginx:
    """A backend at an address of its own that says who it is. http2: it speaks that and nothing
    else, with prior knowledge."""

    def __init__(self, lab, service, version, ip, port=9080, cpus=None, http2=False):
        self.lab, self.service, self.version, self.ip, self.port = lab, service, version, ip, port
        self.name, self.cpus, self.http2 = f"{service}-{version}", cpus, http2
        self.dir = os.path.join(proc.scratch(), f"nginx-{self.name}-{ip}")
        self.files = os.path.join(self.dir, "files")
        os.makedirs(self.files, exist_ok=True)
        lab.add_backend_ip(ip)
        with open(self._conf(), "w", encoding="ascii") as f:
            f.write(self._render())
        self.process = None
        self.start()

    def _conf(self):
        return os.path.join(self.dir, "nginx.conf")

    def _render(self):
        body = body_of(self.service, self.version)
        status = "\n".join(f"    location = /status/{c} {{ return {c}; }}" for c in STATUS_CODES)
        address = f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"
        return TEMPLATE.format(module=ECHO_MODULE, dir=self.dir, address=address,
                               http2=" http2" if self.http2 else "", name=self.name,
                               body=body.replace("\n", "\\n"), status=status)

    def start(self):
        self.process = proc.Process(f"nginx-{self.name}",
                                    ["nginx", "-e", "stderr", "-c", self._conf()],
                                    ns=self.lab.back, cpus=self.cpus)
        proc.wait_until(f"{self.name} listens", self._listens)

    def _listens(self):
        if not self.process.running():
            raise RuntimeError(f"nginx {self.name}: {self.process.log()}")
        with self.lab.back.socket(family_of(self.ip)) as s:
            return s.connect_ex((self.ip, self.port)) == 0

    def kill(self):
        self.process.kill()

    def stop(self):
        self.process.stop()

    def add_file(self, name, size, seed=None, byte=b"x"):
        """A file below /files/: one byte repeated, or noise in which no two blocks are alike."""
        path = os.path.join(self.files, name)
        block = byte * BLOCK if seed is None else random.Random(seed).randbytes(BLOCK)
        with open(path, "wb") as f:
            for at in range(0, size, BLOCK):
                turned = at // BLOCK * 4099 % BLOCK
                data = block[turned:] + block[:turned]
                f.write(data[:size - at])
        return path
