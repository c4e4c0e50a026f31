"""How each activation of a plan is done.

An activation that changes things of its own names them as documents, whose images are to be taken before and put
back when all is undone. One that only has a program read its files again is done once more after these are put
back; that is to be asked only of one that had been begun.
"""

from __future__ import annotations

from collections.abc import Callable

from virtwarden.model import Activation, Document
from virtwarden.stores import firewalls
from virtwarden.stores.activators import Activator, System, installed, located, repeatedly, simply
from virtwarden.stores.auditloading import audit_rules
from virtwarden.stores.bootmenu import grub
from virtwarden.stores.devices import udev
from virtwarden.stores.images import Nothing, StateImage, StoreError
from virtwarden.stores.sysctls import Sysctls, is_one_way
from virtwarden.stores.tlsreload import TlsDaemon

_EXPORTED = "/var/lib/nfs/etab"  # with what was exported by hand
_PROFILES = "/etc/apparmor.d"
_PATIENCE = 600.0


def activator(activation: Activation, system: System) -> Activator:
    """How an activation is done on this system. Raises `StoreError` for a verb that is none of these."""
    match activation.verb:
        case "restart":
            return _of_daemon(activation.what, system, system.services.restart)
        case "reload":
            return _of_daemon(activation.what, system, system.services.reload)
        case "sysctl":
            return _sysctl(activation.what)
        case "restorecon":
            return _restorecon(activation.what, system)
        case "update-tls":
            return _update_tls(activation.what, system)
        case "reload-displays":
            return _reload_displays(activation.what, system)
    make = _BY_VERB.get(activation.verb)
    if make is None:
        raise StoreError(f"nothing is known of how to do {activation}")
    return make(system)


def _of_daemon(name: str, system: System, act: Callable[[str], None]) -> Activator:
    """Have a daemon begin anew or read its files; one that does not run reads them when it starts."""

    def why_not() -> str:
        if not system.services.find(name):
            return f"{name} is not under a service manager here"
        return "" if system.services.is_active(name) else f"{name} does not run"

    def again() -> bool:
        if system.services.has_failed(name):
            system.services.restart(name)
        elif system.services.is_active(name):
            act(name)
        else:
            return False
        return True

    check = (lambda: _check_sshd(system)) if name in ("sshd", "ssh") else lambda: None
    return Activator(do=simply(lambda: act(name)), why_not=why_not, check=check, again=again)


def _check_sshd(system: System) -> None:
    program = located("sshd")  # which wants to be called by its whole path
    if program is not None:
        said = system.programs.ask((program, "-t"))
        if said.code != 0:
            raise StoreError(f"sshd would not start with this: {said.complaint}")


def _daemon_reload(system: System) -> Activator:
    read = system.services.read_units
    return Activator(
        do=simply(read),
        why_not=lambda: "" if system.services.manager == "systemd" else "systemd does not run here",
        again=repeatedly(read),
    )


def _sysctl(what: str) -> Activator:
    key, _, value = (part.strip() for part in what.removeprefix("-").partition("="))
    store = Sysctls()

    def why_not() -> str:
        now = store.image(key)
        if isinstance(now, Nothing):
            return f"this kernel has no {key} now; the value holds as soon as a module brings it"
        unequal = isinstance(now, StateImage) and now.words["value"].split() != value.split()
        if unequal and is_one_way(key, value):
            return f"{key} could not be taken back without a boot; it takes effect at the next one"
        return ""

    return Activator(
        do=simply(lambda: store.put(key, StateImage({"value": value}))),
        why_not=why_not,
        touches=lambda: (Document("sysctl", key),),
    )


def _exports(system: System) -> Activator:
    def why_not() -> str:
        if not installed("exportfs"):
            return "the NFS server is not installed"
        return "" if system.exists("/proc/fs/nfsd/exports") else "the NFS server does not run"

    return Activator(
        do=simply(lambda: system.programs.must(("exportfs", "-r", "-a"))),
        why_not=why_not,
        touches=lambda: (Document("file", _EXPORTED),),
        again=repeatedly(lambda: _flush_exports(system)),
    )


def _flush_exports(system: System) -> None:
    """Have the kernel ask again what is exported, which its daemon reads in the table that was put back."""
    system.programs.must(("exportfs", "-f"))


def _restorecon(directory: str, system: System) -> Activator:
    def why_not() -> str:
        return "" if system.exists("/sys/fs/selinux/booleans") else "SELinux does not run here"

    return Activator(
        do=simply(lambda: system.programs.must(("restorecon", "-R", directory))),
        why_not=why_not,
        touches=lambda: (Document("labels", directory),),
    )


def _update_tls(daemon: str, system: System) -> Activator:
    """Have libvirt's daemon read its certificates again, from their usual places, while connections stay open."""

    def why_not() -> str:
        marks = (f"/run/{daemon}.pid", f"/run/libvirt/{daemon}.pid")
        if not system.services.is_active(daemon) and not any(map(system.exists, marks)):
            return f"{daemon} does not run, and reads them when it starts"
        return "" if installed("virt-admin") else "virt-admin is not installed; restart the daemon"

    do = TlsDaemon(daemon, system.programs).reload
    return Activator(do=do, why_not=why_not, again=lambda: not why_not() and not do())


def _reload_displays(kind: str, system: System) -> Activator:
    """Have the running guests' consoles read their certificates again, where libvirt can tell them to (10.2)."""
    virsh = ("virsh", "--quiet", "--connect", "qemu:///system")

    def guests() -> list[str]:
        said = system.programs.ask((*virsh, "list", "--name"))
        return said.stdout.split("\n") if said.code == 0 else []

    def why_not() -> str:
        if not installed("virsh"):
            return "virsh is not installed"
        return "" if any(guests()) else "no guest runs"

    def do() -> str:
        if system.programs.ask((*virsh, "help", "domdisplay-reload")).code != 0:
            return "guests take the new certificates at their next start; libvirt can have them do it from 10.2 on"
        left = [
            name
            for name in filter(None, guests())
            if system.programs.ask((*virsh, "domdisplay-reload", name, "--type", kind)).code != 0
        ]
        return f"at their next start only: {', '.join(left)}" if left else ""

    return Activator(do=do, why_not=why_not, again=lambda: not why_not() and not do())


def _apparmor(system: System) -> Activator:
    def why_not() -> str:
        if not installed("apparmor_parser"):
            return "AppArmor is not installed"
        return "" if system.exists("/sys/kernel/security/apparmor/profiles") else "AppArmor is off in this kernel"

    def run(*options: str) -> None:
        system.patient(_PATIENCE).must(("apparmor_parser", *options, system.path(_PROFILES)))

    def read() -> None:
        run("-r", "-W")

    return Activator(do=simply(read), why_not=why_not, check=lambda: run("-Q", "-K"), again=repeatedly(read))


_BY_VERB: dict[str, Callable[[System], Activator]] = {
    "daemon-reload": _daemon_reload,
    "audit-rules": audit_rules,
    "grub": grub,
    "udev": udev,
    "firewalld": firewalls.firewalld,
    "ufw": firewalls.ufw,
    "nft": firewalls.nft,
    "exports": _exports,
    "apparmor": _apparmor,
}
