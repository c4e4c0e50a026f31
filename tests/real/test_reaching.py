"""What `connect` and `console` print reaches real hosts and consoles, and what they run ends with the viewer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.guests import Guest, define, start
from tests.real.machine import Machine

pytestmark = pytest.mark.libvirt

PROGRAM = (sys.executable, "-m", "virtwarden")
SOCKET = Guest("sock", 9, "Console on a socket", "<graphics type='vnc'><listen type='socket'/></graphics>\n")
TEXT = Guest("text", 8, "No screen", "<serial type='pty'/>\n<console type='pty'/>\n")
VIEWER = """#!{python}
import socket, sys
host, port = sys.argv[1].removeprefix("vnc://").split(":")
with socket.create_connection((host, int(port)), 10) as far:
    print(far.recv(12).decode().strip(), port)
"""


@pytest.fixture(scope="module")
def host(kvm_host: Machine) -> Iterator[Machine]:
    for guest in (SOCKET, TEXT):
        define(kvm_host, guest)
        start(kvm_host, guest.name)
    yield kvm_host
    for guest in (SOCKET, TEXT):
        kvm_host.ask("virsh", "-q", "destroy", guest.name)
        kvm_host.ask("virsh", "-q", "undefine", guest.name)
        kvm_host.path(guest.image).unlink()


def far(host: Machine, tmp_path: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command at a client of the host, whose viewer prints what the console says first."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    for name, text in {
        "remote-viewer": VIEWER.format(python=sys.executable),
        "ssh": f'#!/bin/sh\nexec /usr/bin/ssh -F {host.ssh_access.config} "$@"\n',
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    env = {**os.environ, **host.ssh_access.env, "PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(
        (*PROGRAM, *words), env=env, input=given, capture_output=True, text=True, timeout=60, check=False
    )


def away(host: Machine) -> tuple[str, ...]:
    return ("--host", host.config.name, "--user", "root")


def tunnels() -> list[str]:
    said = subprocess.run(("ps", "-eo", "args"), capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if "ssh" in line and " -N " in line and " -L " in line]


def test_connect_opens_a_session_of_libvirt(host: Machine, tmp_path: Path) -> None:
    done = far(
        host, tmp_path, "connect", host.config.name, "--user", "root", "--read-only", "--run", given="list\n"
    )
    assert done.returncode == 0, done.stderr
    assert "web" in done.stdout


@pytest.mark.parametrize("guest", ["db", "web", "sock"])
def test_a_console_is_seen_through_a_tunnel_that_ends_with_the_viewer(
    host: Machine, tmp_path: Path, guest: str
) -> None:
    done = far(host, tmp_path, "console", guest, *away(host), "--run")
    assert (done.returncode, done.stdout[:11]) == (0, "RFB 003.008"), done.stderr
    assert tunnels() == []


def test_the_port_is_the_one_that_libvirt_gave_the_guest(host: Machine, tmp_path: Path) -> None:
    (way,) = json.loads(far(host, tmp_path, "console", "db", *away(host), "--json").stdout)["ways"]
    display = host.ask("virsh", "domdisplay", "db").strip().rpartition(":")[2]
    assert f":127.0.0.1:{5900 + int(display)}" in " ".join(way["tunnel"])
    shown = far(host, tmp_path, "console", "db", *away(host)).stdout.splitlines()
    assert [line.partition("  #")[0].split()[0] for line in shown] == ["ssh", "remote-viewer"]


def test_a_guest_without_a_screen_has_its_text_console(host: Machine, tmp_path: Path) -> None:
    done = far(host, tmp_path, "console", "text", *away(host))
    assert done.stdout.strip() == ("virsh -c 'qemu+ssh://root@kvmhost/system?proxy=native' console --domain text")


def test_on_the_host_itself_libvirt_hands_the_console_over(host: Machine) -> None:
    done = host.run(*PROGRAM, "console", "web")
    assert done.stdout == "virt-viewer --connect qemu:///system --attach -- web\n"


@pytest.mark.parametrize(
    ("guest", "says"),
    [("legacy", "does not run"), ("webb", "did you mean web?"), ("we\nb", "no name of a guest"), ("", "no name")],
)
def test_a_guest_that_cannot_be_seen_is_said(host: Machine, tmp_path: Path, guest: str, says: str) -> None:
    done = far(host, tmp_path, "console", guest, *away(host))
    assert (done.returncode, says in done.stderr, done.stderr.count("\n")) == (3, True, 1), done.stderr


def test_a_log_in_that_is_refused_is_said(host: Machine, tmp_path: Path) -> None:
    done = far(host, tmp_path, "console", "web", "--host", host.config.name, "--user", "nobody")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
