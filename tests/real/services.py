"""The daemons of a machine: how each is started in the foreground and when it is ready."""

from dataclasses import dataclass

AUTHORIZED_KEYS = "/etc/ssh/authorized_keys"
"""Who may log in; not in a home folder, because those are not the machine's own."""


@dataclass(frozen=True, slots=True)
class Service:
    """A daemon; `answers` is a command that succeeds once the daemon serves."""

    name: str
    argv: tuple[str, ...]
    pid_file: str
    answers: tuple[str, ...]


_LIBVIRTD = (
    "/usr/sbin/libvirtd",
    "--config",
    "/etc/libvirt/libvirtd.conf",
    "--pid-file",
    "/run/libvirt/libvirtd.pid",
)
_LIBVIRTD_ANSWERS = ("virsh", "-q", "-c", "qemu:///system", "nwfilter-list")
_ALL = (
    Service(
        name="virtlogd",
        argv=("/usr/sbin/virtlogd", "--pid-file", "/run/virtlogd.pid"),
        pid_file="/run/virtlogd.pid",
        answers=("test", "-S", "/run/libvirt/virtlogd-sock"),
    ),
    Service(
        name="libvirtd",
        argv=_LIBVIRTD,
        pid_file="/run/libvirt/libvirtd.pid",
        answers=_LIBVIRTD_ANSWERS,
    ),
    Service(
        name="libvirtd --listen",
        argv=(*_LIBVIRTD, "--listen"),
        pid_file="/run/libvirt/libvirtd.pid",
        answers=_LIBVIRTD_ANSWERS,
    ),
    Service(
        name="sshd",
        argv=("/usr/sbin/sshd", "-D", "-e", "-o", f"AuthorizedKeysFile={AUTHORIZED_KEYS}"),
        pid_file="/run/sshd.pid",
        answers=("test", "-s", "/run/sshd.pid"),
    ),
)
SERVICES = {service.name: service for service in _ALL}
