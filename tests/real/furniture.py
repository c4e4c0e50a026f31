"""The private files of a machine: what it has of its own instead of the real host's.

A machine starts from a copy of this system's /etc, so that it looks like a freshly installed host of
the same distribution, without the traces of who it belongs to and without its guests, keys and sources.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from hashlib import md5
from pathlib import Path
from platform import freedesktop_os_release

COPIED = ("/etc",)
EMPTY = ("/var/lib/libvirt", "/var/lib/virt-warden", "/var/cache/libvirt", "/var/log")
NODES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
    "net/tun": (10, 200),
}
"""The device nodes of a machine. There is no kvm among them: where it cannot be used libvirt tries anew
at every call and takes many seconds for it; without it QEMU emulates the processor at once."""

_NOT_OURS = (
    "apt",
    "gitconfig",
    "maven",
    "npmrc",
    "pip.conf",
    "pki",
    "sasldb2",
    "ssh/ssh_host_*",
    "wgetrc",
    "libvirt/hooks",
    "libvirt/qemu",
    "libvirt/secrets",
    "libvirt/storage",
    "systemd/system/dbus-org.fedoraproject.FirewallD1.service",
    "systemd/system/multi-user.target.wants/firewalld.service",
    "systemd/system/multi-user.target.wants/ufw.service",
)
_SOURCES = """\
deb http://deb.debian.org/debian {release} main
deb http://deb.debian.org/debian {release}-updates main
deb http://security.debian.org/debian-security {release}-security main
"""


def furnish(root: Path, name: str, address: str, files: Mapping[str, str]) -> None:
    """Lay out below `root` what is mounted over the real host's folders; `files` come last."""
    root.mkdir(mode=0o755)
    for folder in EMPTY:
        (root / folder.lstrip("/")).mkdir(parents=True)
    for folder in COPIED:
        subprocess.run(("cp", "-a", folder, root / folder.lstrip("/")), check=True)
    for pattern in _NOT_OURS:
        _remove(root / "etc", pattern)
    _identify(root / "etc", name, address)
    _libvirt(root)
    (root / "var/log/audit").mkdir(mode=0o750)
    for path, text in files.items():
        place(root / path.lstrip("/"), text)


def place(file: Path, text: str) -> None:
    """Write `text` to `file`, making the folders on the way."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def make_nodes(dev: Path) -> None:
    """Fill a machine's empty /dev."""
    (dev / "net").mkdir()
    for name, (major, minor) in NODES.items():
        node = dev / name
        os.mknod(node, 0o20600, os.makedev(major, minor))
        node.chmod(0o666)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (dev / name).symlink_to(f"/proc/self/{target}")
    (dev / "ptmx").symlink_to("pts/ptmx")


def _remove(etc: Path, pattern: str) -> None:
    for found in etc.glob(pattern):
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink()


def _identify(etc: Path, name: str, address: str) -> None:
    release = freedesktop_os_release().get("VERSION_CODENAME", "stable")
    place(etc / "hostname", f"{name}\n")
    place(etc / "hosts", f"127.0.0.1\tlocalhost\n{address}\t{name}.example.org {name}\n")
    place(etc / "machine-id", f"{md5(name.encode(), usedforsecurity=False).hexdigest()}\n")
    place(etc / "resolv.conf", "nameserver 192.0.2.1\n")
    place(etc / "apt/sources.list", _SOURCES.format(release=release))


def _libvirt(root: Path) -> None:
    for folder in ("boot", "images"):
        (root / "var/lib/libvirt" / folder).mkdir(mode=0o711)
    packaged = Path("/usr/share/libvirt/networks/default.xml")
    networks = root / "etc/libvirt/qemu/networks"
    networks.mkdir(parents=True)
    (root / "etc/libvirt/hooks").mkdir()
    if packaged.exists():
        shutil.copy(packaged, networks)
