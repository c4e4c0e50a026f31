"""The machines that other tests rely on are what they claim to be, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.real import leftovers
from tests.real.cgroups import TOP
from tests.real.guests import GUESTS, RUNNING, VNC_PASSWORD, define, start
from tests.real.machine import Config, Machine, MachineError

pytestmark = pytest.mark.libvirt
REPOSITORY = Path(__file__).parents[2]


def guest_processes(machine: Machine) -> dict[str, str]:
    """Name of each guest that has a QEMU process, and that process's number inside."""
    found = {}
    for file in machine.path("/proc").glob("[0-9]*/cmdline"):
        words = file.read_text().split("\0")
        if "qemu-system" in words[0] and "-name" in words:
            found[words[words.index("-name") + 1]] = file.parent.name
    return found


def traces(folder: Path) -> list[str]:
    """What is left of a machine on this system."""
    mounts = Path("/proc/self/mountinfo").read_text()
    links = subprocess.run(("ip", "-br", "link"), capture_output=True, text=True, check=True).stdout
    return [
        *(str(folder) for _ in range(folder.exists())),
        *(f"mount {line}" for line in mounts.splitlines() if folder.name in line),
        *(f"cgroup {group}" for group in TOP.glob(f"**/{folder.name}")),
        *(f"link {line}" for line in links.splitlines() if line.startswith(("virbr", "vnet", "br0", "br1"))),
    ]


def members(namespaces: set[str]) -> list[str]:
    """The processes that live in one of these namespaces."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/ns/*"):
        try:
            if os.readlink(entry) in namespaces:
                found.append(str(entry))
        except OSError:
            continue  # it ended while we looked
    return found


def own_namespaces(machine: Machine) -> set[str]:
    """The namespaces that exist only for this machine."""
    kinds = ("net", "mnt", "uts", "ipc", "cgroup")
    inside = {machine.ask("readlink", f"/proc/1/ns/{kind}").strip() for kind in (*kinds, "pid")}
    return inside | {os.readlink(f"/proc/{machine.outside.pid}/ns/net")}


def test_libvirt_answers_for_the_system(kvm_host: Machine) -> None:
    assert kvm_host.ask("virsh", "uri").strip() == "qemu:///system"
    assert "Running hypervisor: QEMU" in kvm_host.ask("virsh", "version")


def test_six_guests_are_defined_and_four_run(kvm_host: Machine) -> None:
    assert set(kvm_host.ask("virsh", "list", "--all", "--name").split()) == {guest.name for guest in GUESTS}
    assert set(kvm_host.ask("virsh", "list", "--name").split()) == set(RUNNING)
    assert set(guest_processes(kvm_host)) == {f"guest={name},debug-threads=on" for name in RUNNING}


def test_a_guest_with_a_fixed_user_runs_as_that_user(kvm_host: Machine) -> None:
    pid = guest_processes(kvm_host)["guest=build,debug-threads=on"]
    assert kvm_host.ask("stat", "-c", "%u:%g", f"/proc/{pid}").strip() == "1001:1001"
    assert kvm_host.ask("stat", "-c", "%u", "/var/lib/libvirt/images/build.img").strip() == "1001"


def test_the_filter_of_a_guest_is_in_force(kvm_host: Machine) -> None:
    assert "clean-traffic" in kvm_host.ask("virsh", "nwfilter-binding-list")
    assert "192.0.2.21" in kvm_host.ask("ebtables", "-t", "nat", "-L")


def test_consoles_listen_where_their_guests_say(kvm_host: Machine) -> None:
    listeners = kvm_host.ask("ss", "-Hltn").split()
    assert {"0.0.0.0:5900", "127.0.0.1:5901", "127.0.0.1:5902", "0.0.0.0:5903"} <= set(listeners)


def test_a_console_password_is_kept_but_not_shown(kvm_host: Machine) -> None:
    assert VNC_PASSWORD not in kvm_host.ask("virsh", "dumpxml", "mail")
    assert VNC_PASSWORD in kvm_host.ask("virsh", "dumpxml", "--security-info", "mail")
    assert VNC_PASSWORD in kvm_host.read("/etc/libvirt/qemu/mail.xml")


def test_cgroups_of_guests_stand_where_they_do_on_a_host_of_its_own(kvm_host: Machine) -> None:
    groups = kvm_host.ask("find", str(TOP), "-path", "*/machine/qemu-*db.libvirt-qemu")
    assert groups.strip()
    limit = kvm_host.ask("virsh", "memtune", "db")
    assert "soft_limit     : 98304" in limit


def test_the_host_has_a_name_a_network_and_processes_of_its_own(kvm_host: Machine) -> None:
    assert kvm_host.ask("hostname").strip() == "kvmhost"
    assert "192.0.2.10/24" in kvm_host.ask("ip", "-br", "address", "show", "br0")
    assert kvm_host.ask("ls", "/proc/1/exe", "-l").split("-> ")[1].strip().endswith("/cat")
    assert not kvm_host.path("/dev/kvm").exists()


def test_the_product_runs_inside_in_the_callers_interpreter(kvm_host: Machine) -> None:
    code = "import socket, virtwarden; print(socket.gethostname(), virtwarden.__name__)"
    result = kvm_host.run(sys.executable, "-c", code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "kvmhost virtwarden\n", "")


def test_a_commands_input_environment_and_exit_code_pass_through(kvm_host: Machine) -> None:
    result = kvm_host.run("sh", "-c", 'cat; echo "$GREETING" >&2; exit 7', given="in", env={"GREETING": "hello"})
    assert (result.returncode, result.stdout, result.stderr) == (7, "in", "hello\n")


def test_a_command_that_hangs_is_ended(kvm_host: Machine) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        kvm_host.run("sleep", "4711", timeout=0.5)
    assert "4711" not in kvm_host.ask("ps", "-eo", "args")


def test_ssh_from_outside_reaches_root(kvm_host: Machine) -> None:
    result = subprocess.run(
        kvm_host.ssh_access.argv("sh", "-c", "hostname; id -u; echo $SSH_CONNECTION"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    address, port = kvm_host.ssh_address()
    name, uid, connection = result.stdout.splitlines()
    assert (name, uid) == ("kvmhost", "0"), result.stderr
    assert connection.split()[0] == "192.0.2.1"
    assert connection.split()[2:] == [address, str(port)]


def test_ssh_refuses_a_key_that_was_not_admitted(kvm_host: Machine, tmp_path: Path) -> None:
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"), check=True)
    argv = kvm_host.ssh_access.argv("true")
    stranger = tmp_path / "config"
    text = kvm_host.ssh_access.config.read_text()
    stranger.write_text(text.replace(f"{kvm_host.ssh_access.folder}/id_ed25519", str(tmp_path / "key")))
    foreign = tuple(str(stranger) if word == str(kvm_host.ssh_access.config) else word for word in argv)
    assert subprocess.run(argv, capture_output=True, check=False, timeout=60).returncode == 0
    refused = subprocess.run(foreign, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_files_of_the_machine_are_not_those_of_this_system(kvm_host: Machine) -> None:
    kvm_host.write("/etc/libvirt/only-inside.conf", "# here\n")
    assert kvm_host.ask("cat", "/etc/libvirt/only-inside.conf") == "# here\n"
    assert not Path("/etc/libvirt/only-inside.conf").exists()
    kvm_host.path("/etc/libvirt/only-inside.conf").unlink()
    assert kvm_host.ask("cat", "/etc/hostname") == "kvmhost\n"


def test_nothing_is_left_of_a_machine_with_a_running_guest(real_hosts: None) -> None:
    files = {"/etc/pki/CA/cacert.pem": "not a certificate\n"}
    with Machine(Config(name="gone", files=files)) as machine:
        web = next(guest for guest in GUESTS if guest.name == "web")
        define(machine, web)
        start(machine, "web")
        machine.restart_service("libvirtd")
        assert machine.ask("virsh", "list", "--name").split() == ["web"]
        assert machine.read("/etc/pki/CA/cacert.pem") == "not a certificate\n"
        folder, namespaces = machine.folder, own_namespaces(machine)
        assert len(namespaces) == 7
        assert members(namespaces)
    assert members(namespaces) == []
    assert traces(folder) == []


def test_a_machine_whose_service_fails_says_why_and_leaves_nothing(real_hosts: None) -> None:
    broken = Config(name="broken", files={"/etc/libvirt/libvirtd.conf": "listen_tls = [\n"})
    machine = Machine(broken)
    with pytest.raises(MachineError, match=r"(?s)libvirtd does not answer.*libvirtd\.conf"):
        machine.start()
    assert traces(machine.folder) == []


def test_two_machines_do_not_see_each_other(real_hosts: None) -> None:
    with (
        Machine(Config(name="left", services=())) as left,
        Machine(Config(name="right", services=())) as right,
    ):
        assert (left.ask("hostname").strip(), right.ask("hostname").strip()) == ("left", "right")
        assert not own_namespaces(left) & own_namespaces(right)
        left.write("/etc/libvirt/left", "")
        assert not right.path("/etc/libvirt/left").exists()


def test_a_killed_owner_takes_its_machine_along_and_the_next_start_sweeps(real_hosts: None) -> None:
    code = """if True:
        from tests.real.machine import Config, Machine
        machine = Machine(Config(name="orphan", services=("virtlogd",)))
        machine.start()
        print(machine.folder, flush=True)
        input()
    """
    owner = subprocess.Popen(
        (sys.executable, "-c", code), cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    folder = Path(owner.stdout.readline().strip())
    holders = leftovers.noted(folder / "holders")
    assert [process.is_alive for process in holders] == [True, True]
    assert folder not in leftovers.sweep()  # its owner lives
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert folder in leftovers.sweep()
    assert [process.is_alive for process in holders] == [False, False]
    assert traces(folder) == []
    assert folder.parent == Path(tempfile.gettempdir())
