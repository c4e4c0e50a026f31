"""What a machine needs to try a firewall on the wire: networks that manage and ones that do not, and somebody at home.

`outside` speaks for both: it has an address of each, in both families, at the same cable.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from tests.real.machine import Machine, wait_until

WARDEN = (sys.executable, "-m", "virtwarden")
POLICY = "/etc/virt-warden/policy.toml"
MANAGING = "[network]\nmanagement_sources = ['192.0.2.0/24', '2001:db8:7::/48']\n"
APPLY = ("apply", "--yes", "--allow-disruptive", "--no-confirm", "--control")
MANAGER, STRANGER = ("192.0.2.1", "2001:db8:7::1"), ("198.51.100.7", "2001:db8:8::1")
AT = {4: "192.0.2.10", 6: "2001:db8:7::10"}
PORTS = (22, 16514, 5900, 5999, 49152)
OTHER = 8443

_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
"""
_LISTEN = """
import selectors, socket, sys
ready = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    ready.register(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True), 1)
print("there", flush=True)
while True:
    for key, _ in ready.select():
        far = key.fileobj.accept()[0]
        far.sendall(b"here")
        far.close()
"""
_CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def answers(way):
    source, to, port = way
    try:
        with socket.create_connection((to, port), 1, (source, 0)) as far:
            return bool(far.recv(4))
    except OSError:
        return False
with ThreadPoolExecutor(16) as pool:
    print(json.dumps(list(pool.map(answers, json.loads(sys.argv[1])))))
"""


def furnished(machine: Machine) -> None:
    """Give the machine and what is outside their addresses, and have something answer on the ports."""
    for command in (
        ("ip", "addr", "add", f"{AT[6]}/64", "dev", "br0", "nodad"),
        ("ip", "-6", "route", "add", "default", "via", MANAGER[1], "dev", "br0"),
    ):
        machine.ask(*command)
    for address in (f"{STRANGER[0]}/24", f"{MANAGER[1]}/64", f"{STRANGER[1]}/64"):
        more = ("nodad",) if ":" in address else ()
        _outside(machine, "ip", "addr", "add", address, "dev", "eth0", *more)
    ports = [str(port) for port in (*PORTS, OTHER) if port != 22]
    in_background(machine, sys.executable, "-c", _LISTEN, *ports)
    wait_until(lambda: reached(machine, MANAGER)[5900] == (True, True), lambda: "nobody listens", lambda: True)


def in_background(machine: Machine, *argv: str) -> None:
    """Start a program that ends with the machine."""
    machine.ask("sh", "-c", '"$@" >/dev/null 2>&1 </dev/null &', "sh", *argv)


def _outside(machine: Machine, *argv: str) -> str:
    entered = machine.outside.entered(*argv, kinds=("net",))
    return subprocess.run(entered, capture_output=True, text=True, timeout=60, check=True).stdout


def reached(machine: Machine, source: tuple[str, str], *ports: int) -> dict[int, tuple[bool, bool]]:
    """Whether somebody there gets an answer from each port, by IPv4 and by IPv6."""
    ports = ports or (*PORTS, OTHER)
    wanted = [(each, AT[6 if ":" in each else 4], port) for port in ports for each in source]
    found = json.loads(_outside(machine, sys.executable, "-c", _CONNECT, json.dumps(wanted)))
    return {port: (found[2 * at], found[2 * at + 1]) for at, port in enumerate(ports)}


def warden(machine: Machine, *words: str, code: int = 0) -> str:
    """What virt-warden prints inside, where it ends so."""
    done = machine.run(*WARDEN, *words)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def rules_in_force(machine: Machine) -> str:
    """All rules, without what only counts."""
    return machine.ask("nft", "--stateless", "list", "ruleset")


@dataclass(frozen=True, slots=True)
class Before:
    """The machine's rules and files before something was changed."""

    rules: str
    files: dict[str, bytes]

    @classmethod
    def of(cls, machine: Machine, *folders: str) -> Before:
        """The rules, and every file below these folders."""
        found = (path for folder in folders for path in machine.path(folder).rglob("*") if path.is_file())
        return cls(
            rules_in_force(machine), {str(path).partition("/root/")[2]: path.read_bytes() for path in found}
        )


def start_firewalld(machine: Machine) -> None:
    """Start firewalld with a bus of its own."""
    machine.write("/etc/bus.conf", _BUS)
    machine.path("/run/dbus").mkdir(exist_ok=True)
    in_background(machine, "dbus-daemon", "--config-file=/etc/bus.conf", "--nofork", "--nopidfile")
    bus = machine.path("/run/dbus/system_bus_socket")
    wait_until(bus.exists, lambda: "no bus", lambda: True)
    in_background(machine, "firewalld", "--nofork", "--nopid")
    wait_until(
        lambda: machine.run("firewall-cmd", "--state").returncode == 0, lambda: "no firewalld", lambda: True
    )
