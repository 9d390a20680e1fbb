"""A bird (the routing daemon) in a namespace: BGP with one neighbour."""
import os
import subprocess

from . import proc

TEMPLATE = """\
log stderr all;
router id {router_id};
protocol device {{ }}
protocol static {{
  {family};
  route {announce} blackhole;
}}
protocol bfd {{
  interface "*" {{ interval 200 ms; multiplier 5; }};
}}
protocol bgp peer {{
  local {local} as {asn};
  neighbor {remote} as {remote_asn};
  hold time 9;
  connect retry time 1;
  connect delay time 1;
  bfd on;
  {family} {{ import all; export where source = RTS_STATIC; }};
}}
"""


class Bird:
    """Announces one network; `protocol()` is what it says of its session."""

    def __init__(self, ns, name, local, asn, remote, remote_asn, announce):
        family = "ipv6" if ":" in local else "ipv4"
        router_id = f"192.0.2.{asn % 256}"
        self.dir = os.path.join(proc.scratch(), f"bird-{name}")
        os.makedirs(self.dir, exist_ok=True)
        config = os.path.join(self.dir, "bird.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(TEMPLATE.format(**locals()))
        self.control = os.path.join(self.dir, "ctl")
        self.process = proc.Process(f"bird-{name}", ["bird", "-f", "-c", config, "-s", self.control,
                                                     "-P", os.path.join(self.dir, "pid")], ns=ns)

    def ask(self, *command):
        done = subprocess.run(["birdc", "-r", "-s", self.control, *command], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout

    def established(self):
        return "Established" in self.ask("show", "protocols", "peer")

    def bfd_up(self):
        return " Up " in self.ask("show", "bfd", "sessions")

    def routes(self):
        return self.ask("show", "route")

    def stop(self):
        self.process.stop()
