"""All that is asked for consoles at once leaves guests that start, and nothing more to ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.real.guests import Guest, define
from tests.real.machine import Config, Machine
from tests.real.test_management_settings import APPLY, WARDEN

pytestmark = pytest.mark.libvirt
CONTROLS = (
    "consoles-listen-narrowly",
    "consoles-hidden-from-local-users",
    "spice-requires-tls",
    "vnc-requires-tls",
    "vnc-websockets-off",
)
SPICE = "<graphics type='spice' autoport='yes'{}>{}</graphics>\n"
EVERYWHERE = "<listen type='address' address='0.0.0.0'/>"
CONSOLES = {
    "plain": SPICE.format("", EVERYWHERE),
    "insists": SPICE.format(" defaultMode='secure'", EVERYWHERE),
    "channel": SPICE.format("", EVERYWHERE + "<channel name='main' mode='secure'/>"),
    "ports": f"<graphics type='spice' port='5998' autoport='no'>{EVERYWHERE}</graphics>\n",
    "conf": SPICE.format("", ""),
    "both": SPICE.format("", EVERYWHERE)
    + f"<graphics type='vnc' port='5990' autoport='no' websocket='-1'>{EVERYWHERE}</graphics>\n",
    "vnc": "<graphics type='vnc' autoport='yes'/>\n",
}

INSISTING = ("insists", "channel")
"""These start with spice_tls alone, as long as they are not on a socket."""


@pytest.fixture(scope="module")
def machine(real_hosts: None) -> Iterator[Machine]:
    with Machine(Config(name="kvmmoves")) as host:
        for number, (name, console) in enumerate(CONSOLES.items(), 31):
            define(host, Guest(name, number, "", console))
        yield host


def failing(machine: Machine) -> list[str]:
    done = machine.run(*WARDEN, "scan", "--format", "json", "--control", *CONTROLS)
    told = json.loads(done.stdout)
    found = [finding for outcome in told["outcomes"] for finding in outcome["findings"]]
    return [f"{each['subject']['name']}: {each['message']}" for each in found if each["result"] != "pass"]


@pytest.mark.parametrize("policy", ["", "[console]\nlisten = 'loopback'\n"])
def test_what_is_asked_for_at_once_leaves_guests_that_start(machine: Machine, policy: str) -> None:
    machine.write("/etc/virt-warden/policy.toml", policy)
    done = machine.run(*WARDEN, *APPLY, *CONTROLS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    try:
        left = [each for each in failing(machine) if "open to every user" not in each]
        assert left == []
        if not policy:
            plan = machine.run(*WARDEN, "plan", "--control", *CONTROLS)
            assert "Nothing is left" in plan.stdout, plan.stdout
        for name in CONSOLES if not policy else [each for each in CONSOLES if each not in INSISTING]:
            machine.ask("virsh", "start", name)
            assert "address='0.0.0.0'" not in machine.ask("virsh", "dumpxml", name)
            machine.ask("virsh", "destroy", name)
    finally:
        machine.ask(*WARDEN, "rollback")
