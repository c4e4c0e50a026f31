"""One KVM host in namespaces on this machine: real libvirtd, real QEMU, real sshd, no trace afterwards.

    with Machine(Config(name="kvm1")) as machine:
        machine.ask("virsh", "list", "--all")
        machine.run(sys.executable, "-m", "virtwarden", "scan", "--format", "json")

It has its own host name, processes, network, cgroups, /dev and /run, and private copies of the folders
that libvirt and an administrator write to. A second network namespace, `outside`, is the rest of the
world: it is joined to the machine's bridge `br0`, and the ssh client of a test connects from there.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Self

from tests.real import furniture, leftovers
from tests.real.cgroups import TOP, CgroupTree, joined
from tests.real.namespaces import WAIT, Holder, hold
from tests.real.plain import PLAIN
from tests.real.services import SERVICES, Service
from tests.real.ssh import Access, issue

_OUTSIDE_ADDRESS = "192.0.2.1"
_TMPFS = ("/run", "/dev")


class MachineError(Exception):
    """A command inside failed, or a service did not come up; the text says which and what it said."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a machine is to be. `files` are put in place, by absolute path, before its services start."""

    name: str = "kvmhost"
    address: str = "192.0.2.10"
    files: Mapping[str, str] = field(default_factory=dict)
    services: tuple[str, ...] = ("virtlogd", "libvirtd", "sshd")


class Machine:
    """A running host; a context manager that takes everything down again."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.ssh_access: Access
        self._undo = ExitStack()
        self._services: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- lifecycle -------------------------------------------------------------------------------

    def start(self) -> None:
        """Bring the machine up; whatever goes wrong on the way, nothing of it stays."""
        leftovers.sweep()
        with self._undo as undo:
            self._build(undo)
            for name in self.config.services:
                self.start_service(name)
            self._undo = undo.pop_all()

    def stop(self) -> None:
        """Take the machine down. A second call does nothing."""
        self._undo.close()

    def _build(self, undo: ExitStack) -> None:
        config = self.config
        self.folder = leftovers.new_folder(config.name)
        undo.callback(rmtree, self.folder)
        self.ssh_access = issue(self.folder / "client", config.name, config.address)
        furniture.furnish(self.folder / "root", config.name, config.address, config.files)
        self.ssh_access.admit(self.folder / "root")
        self._cgroups = CgroupTree.here(self.folder.name)
        undo.callback(self._cgroups.remove)
        self._cgroups.create()
        undo.callback(self._forget_services)
        self._holder = self._hold(undo)
        self.outside = self._hold_outside(undo)
        leftovers.note(self.folder / "holders", (self._holder.pid, self.outside.pid))
        undo.enter_context(_places(furniture.EMPTY))
        self._mount()
        self._wire()
        self.ssh_access.write_config(self.outside.entered(kinds=("net",)))

    def _hold(self, undo: ExitStack) -> Holder:
        inner = (
            "unshare",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        )
        living = joined(self._cgroups.homes(), (*inner, *WAIT))
        holder = hold(joined(self._cgroups.roots(), ("unshare", "--cgroup", *living)), PLAIN)
        undo.callback(holder.end)
        return holder

    def _hold_outside(self, undo: ExitStack) -> Holder:
        holder = hold(("unshare", "--net", *WAIT), PLAIN)
        undo.callback(holder.end)
        return holder

    def _mount(self) -> None:
        for source in (*furniture.COPIED, *furniture.EMPTY):
            self.ask("mount", "--bind", f"{self.folder}/root{source}", source)
        self.ask("umount", "--recursive", "--lazy", "/sys")
        self.ask("mount", "-t", "sysfs", "sysfs", "/sys")
        links = {link.name: os.readlink(link) for link in TOP.iterdir() if link.is_symlink()}
        if not (TOP / "cgroup.controllers").exists():  # version 1: a folder for each hierarchy
            self.ask("mount", "-t", "tmpfs", "-o", "mode=755", "cgroup", str(TOP))
        for hierarchy in self._cgroups.hierarchies:
            self.ask("mkdir", "-p", str(hierarchy.mount))
            self.ask(*hierarchy.mount_argv)
        for name, target in links.items():
            self.path(str(TOP / name)).symlink_to(target)
        self.ask("umount", "--recursive", "--lazy", "/dev")
        for place in _TMPFS:
            self.ask("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
        furniture.make_nodes(self.path("/dev"))
        for place, kind, options in (
            ("pts", "devpts", "newinstance,ptmxmode=0666"),
            ("shm", "tmpfs", "mode=1777"),
        ):
            self.path(f"/dev/{place}").mkdir()
            self.ask("mount", "-t", kind, "-o", options, kind, f"/dev/{place}")
        for place in ("lock", "sshd"):
            self.path(f"/run/{place}").mkdir()
        self.ask("hostname", self.config.name)

    def _wire(self) -> None:
        """Join `outside` to br0 by a cable; br1 is a second, inner network."""
        net = self._holder.entered("ip", "-batch", "-", kinds=("net",))
        cable = f"link add eth0 type veth peer name eth0 netns {self.outside.pid}"
        lines = (
            cable,
            "link set lo up",
            "link add br0 type bridge forward_delay 0",
            "link add br1 type bridge forward_delay 0",
            "link set eth0 master br0 up",
            "link set br0 up",
            "link set br1 up",
            f"addr add {self.config.address}/24 dev br0",
            f"route add default via {_OUTSIDE_ADDRESS}",
        )
        _must(net, "\n".join(lines))
        away = self.outside.entered("ip", "-batch", "-", kinds=("net",))
        _must(away, f"link set lo up\nlink set eth0 up\naddr add {_OUTSIDE_ADDRESS}/24 dev eth0")

    def join(self, other: "Machine", mine: str, theirs: str) -> None:
        """Lay a cable between this machine and another one, with an address (`198.51.100.10/24`) at each end."""
        away = other._holder
        cable = f"link add peer0 type veth peer name peer0 netns {away.pid}"
        ends = "link set peer0 up\naddr add {} dev peer0"
        _must(self._holder.entered("ip", "-batch", "-", kinds=("net",)), f"{cable}\n{ends.format(mine)}")
        _must(away.entered("ip", "-batch", "-", kinds=("net",)), ends.format(theirs))

    # --- services --------------------------------------------------------------------------------

    def start_service(self, name: str) -> None:
        """Start a service in the foreground and wait until it answers."""
        service = SERVICES[name]
        with self.log(name).open("ab") as log:
            self._services[name] = subprocess.Popen(
                self._inside(*service.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=PLAIN,
                start_new_session=True,  # an interrupt from the terminal is for the tests, not for the daemons
            )
        self._await(service)

    def stop_service(self, name: str) -> None:
        """End a service as its init system would, and wait for it."""
        self.ask("kill", self.read(SERVICES[name].pid_file).strip())
        self._services.pop(name).wait(timeout=20)

    def restart_service(self, name: str) -> None:
        """What `systemctl restart` does."""
        self.stop_service(name)
        self.start_service(name)

    def log(self, name: str) -> Path:
        """The file, outside, that gathers what a service prints."""
        return self.folder / f"{name}.log"

    def _await(self, service: Service) -> None:
        process = self._services[service.name]
        answers = self._inside(*service.answers)
        wait_until(
            lambda: (
                subprocess.run(answers, capture_output=True, check=False, env=PLAIN, timeout=60).returncode == 0
            ),
            lambda: f"{service.name} does not answer; it printed:\n{self.log(service.name).read_text()[-2000:]}",
            lambda: process.poll() is None,
        )

    def _forget_services(self) -> None:
        for process in self._services.values():
            process.wait(timeout=20)
        self._services.clear()

    # --- use -------------------------------------------------------------------------------------

    def run(
        self, *argv: str, given: str = "", env: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside as root, with `given` on its standard input, whatever its exit code."""
        return subprocess.run(
            self._inside(*argv),
            input=given,
            env={**os.environ, "LC_ALL": "C", **(env or {})},
            timeout=timeout,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )

    def ask(self, *argv: str, given: str = "") -> str:
        """Run a command that must succeed, in a plain environment; its standard output."""
        return _must(self._inside(*argv), given)

    def path(self, path: str) -> Path:
        """An absolute path of the machine as it can be opened from outside."""
        return self._holder.root / path.lstrip("/")

    def read(self, path: str) -> str:
        """The text of a file inside."""
        return self.path(path).read_text()

    def write(self, path: str, text: str) -> None:
        """Put a file into the machine, as its administrator would."""
        furniture.place(self.path(path), text)

    def ssh_address(self) -> tuple[str, int]:
        """Where sshd listens, to be reached from `outside`."""
        return self.config.address, 22

    def _inside(self, *argv: str) -> tuple[str, ...]:
        return joined(self._cgroups.homes(), self._holder.entered(*argv))


def wait_until(
    done: Callable[[], bool], otherwise: Callable[[], str], possible: Callable[[], bool], patience: float = 30
) -> None:
    """Wait until `done`; MachineError with `otherwise` if that takes too long or is no longer possible."""
    deadline = time.monotonic() + patience
    while not done():
        if not possible() or time.monotonic() > deadline:
            raise MachineError(otherwise())
        time.sleep(0.05)


@contextmanager
def _places(folders: tuple[str, ...]) -> Iterator[None]:
    """Have a place to mount each of these folders on; those that this system does not have go again."""
    made = [Path(folder) for folder in folders if not os.path.exists(folder)]
    for folder in made:
        folder.mkdir(mode=0o755)
    try:
        yield
    finally:
        for folder in made:
            folder.rmdir()


def _must(argv: tuple[str, ...], given: str) -> str:
    result = subprocess.run(argv, input=given, env=PLAIN, capture_output=True, text=True, timeout=120, check=False)
    if result.returncode != 0:
        raise MachineError(f"{' '.join(argv[-6:])}: exit code {result.returncode}: {result.stderr.strip()}")
    return result.stdout
