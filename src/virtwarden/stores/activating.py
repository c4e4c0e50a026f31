"""What each activation really does, what it changes by the way, and what is done once more after a roll-back."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from virtwarden.model import Activation, Document
from virtwarden.stores.auditkernel import LOADED, AuditKernel
from virtwarden.stores.images import Nothing, StateImage, StoreError
from virtwarden.stores.live import LiveDevices
from virtwarden.stores.programs import Programs
from virtwarden.stores.services import Services
from virtwarden.stores.sysctls import Sysctls

_RULES = "/etc/audit/rules.d/*.rules"
_COMPILED = ("/etc/audit/audit.rules", "/etc/audit/audit.rules.prev")
_LOCK = re.compile(r"^\s*-e\s*2\s*$", re.MULTILINE)
_MENUS = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg", "/boot/efi/EFI/*/grub.cfg")
_LATER = "it takes effect at the next boot"


def _nothing() -> None:
    return None


def _always() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Activator:
    """One activation. `why_not` says why it is not done here, empty where it is; `touches` are documents that it
    changes, which a roll-back puts back; `check` lets the reader of what was written refuse it; `again` is what a
    roll-back does once the documents are back, and says whether it did anything. All raise `StoreError`."""

    do: Callable[[], None]
    why_not: Callable[[], str] = _always
    touches: Callable[[], tuple[Document, ...]] = field(default=lambda: ())
    check: Callable[[], None] = _nothing
    again: Callable[[], bool] = field(default=lambda: False)


def activator(activation: Activation, programs: Programs, daemons: Programs) -> Activator:
    """How an activation is done on this host. `daemons` starts what outlives us. Raises `StoreError` where there is no
    such activation."""
    made = _MADE.get(activation.verb)
    if made is None:
        raise StoreError(f"there is no activation {activation}")
    return made(activation.what, programs, daemons)


def _repeated(
    do: Callable[[], None], why_not: Callable[[], str] = _always, check: Callable[[], None] = _nothing
) -> Activator:
    """One that is done again after a roll-back, as it was done before."""

    def again() -> bool:
        do()
        return True

    return Activator(do, why_not, check=check, again=again)


def _service(services: Services, name: str, verb: str, check: Callable[[], None] = _nothing) -> Activator:
    def why_not() -> str:
        found = services.find(name)
        if found is None:
            return f"there is no service {name} here"
        return "" if services.is_active(found) else f"{found} does not run"

    def do() -> None:
        found = services.find(name) or name
        (services.restart if verb == "restart" else services.reload)(found)

    def again() -> bool:
        found = services.find(name)
        if found is None:
            return False
        services.restart(found) if verb == "restart" or not services.is_active(found) else services.reload(found)
        return True

    return Activator(do, why_not, check=check, again=again)


def _checks(name: str, programs: Programs) -> Callable[[], None]:
    """The dry run of a daemon that has one."""

    def check() -> None:
        if name == "sshd":
            programs.must(("sshd", "-t"))

    return check


def _sysctl(what: str) -> Activator:
    key, _, value = what.partition("=")
    store = Sysctls()

    def why_not() -> str:
        return "this kernel does not have it now" if isinstance(store.image(key), Nothing) else ""

    def do() -> None:
        store.put(key, StateImage({"value": " ".join(value.split())}))

    return Activator(do, why_not, touches=lambda: (Document("sysctl", key),))


def _audit_rules(programs: Programs) -> Activator:
    kernel = AuditKernel(programs)

    def why_not() -> str:
        if programs.finds("auditctl") is None:
            return "there is no audit system here"
        if programs.ask(("auditctl", "-s")).code != 0:
            return "the kernel's audit system cannot be asked"
        return f"the rules are locked: {_LATER}" if kernel.is_locked else ""

    def touches() -> tuple[Document, ...]:
        return (*(Document("file", path) for path in _COMPILED), LOADED)

    def do() -> None:
        """Compile the files and load them, but for the lock, which no roll-back could open again."""
        if programs.finds("augenrules") and glob.glob(_RULES):
            programs.must(("augenrules",))
        _load_unlocked(programs, _COMPILED[0])

    return Activator(do, why_not, touches)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _load_unlocked(programs: Programs, path: str) -> None:
    with tempfile.NamedTemporaryFile(
        "w", prefix="virt-warden-", suffix=".rules", errors="surrogateescape"
    ) as file:
        file.write(_LOCK.sub("", _text(path)))
        file.flush()
        programs.must(("auditctl", "-R", file.name))


def _grub(programs: Programs) -> Activator:
    """The boot menu, made by the distribution's own tool."""

    def menus() -> list[str]:
        return [path for pattern in _MENUS for path in sorted(glob.glob(pattern))]

    def commands() -> list[tuple[str, ...]]:
        if programs.finds("update-grub"):
            return [("update-grub",)]
        maker = programs.finds("grub2-mkconfig") or programs.finds("grub-mkconfig")
        return [(maker, "-o", path) for path in menus()] if maker else []

    def why_not() -> str:
        return "" if menus() and commands() else "there is no boot menu of GRUB here"

    def do() -> None:
        for command in commands():
            programs.must(command)

    def touches() -> tuple[Document, ...]:
        names = (*menus(), *(f"{path}.new" for path in menus()))
        return tuple(Document("file", name) for name in names)

    return Activator(do, why_not, touches)


def _udev(programs: Programs) -> Activator:
    def why_not() -> str:
        return "" if programs.finds("udevadm") and os.path.isdir("/run/udev") else "udev does not run here"

    def do() -> None:
        programs.must(("udevadm", "control", "--reload"))
        programs.must(("udevadm", "trigger", "--settle", "--action=change", "--name-match=kvm"))

    return _repeated(do, why_not)


def _if_installed(programs: Programs, argv: tuple[str, ...], asked: tuple[str, ...] = ()) -> Activator:
    """A program that is run where it is installed, and where `asked` says that what it speaks to runs."""

    def why_not() -> str:
        if programs.finds(argv[0]) is None:
            return f"{argv[0]} is not installed"
        return "" if not asked or programs.ask(asked).code == 0 else f"{asked[0]} says that nothing runs"

    return _repeated(lambda: _ignored(programs.must(argv)), why_not)


def _apparmor(programs: Programs, what: str) -> Activator:
    def why_not() -> str:
        if not os.path.isdir("/sys/kernel/security/apparmor"):
            return "the kernel has no AppArmor"
        return "" if programs.finds("apparmor_parser") else "apparmor_parser is not installed"

    def check() -> None:
        programs.must(("apparmor_parser", "--skip-kernel-load", "--skip-cache", what))

    return _repeated(lambda: _ignored(programs.must(("apparmor_parser", "--replace", what))), why_not, check)


def _live(programs: Programs, guest: str) -> Activator:
    devices = LiveDevices(programs)
    return Activator(
        lambda: devices.take_filters(guest),
        lambda: "" if devices.runs(guest) else f"guest {guest} does not run",
        touches=lambda: (Document("live", guest),),
    )


def _restorecon(programs: Programs, what: str) -> Activator:
    def why_not() -> str:
        return "" if os.path.isdir("/sys/fs/selinux/booleans") else "SELinux does not run here"

    return Activator(
        lambda: _ignored(programs.must(("restorecon", "-R", what))),
        why_not,
        touches=lambda: (Document("labels", what),),
    )


def _ignored(_said: Iterable[str]) -> None:
    return None


_MADE: dict[str, Callable[[str, Programs, Programs], Activator]] = {
    "restart": lambda what, _, daemons: _service(Services(daemons), what, "restart"),
    "reload": lambda what, programs, daemons: _service(Services(daemons), what, "reload", _checks(what, programs)),
    "daemon-reload": lambda _what, _, daemons: _repeated(Services(daemons).daemon_reload),
    "sysctl": lambda what, _programs, _: _sysctl(what),
    "audit-rules": lambda _what, programs, _: _audit_rules(programs),
    "grub": lambda _what, programs, _: _grub(programs),
    "udev": lambda _what, programs, _: _udev(programs),
    "firewalld": lambda _what, programs, _: _if_installed(
        programs, ("firewall-cmd", "--reload"), asked=("firewall-cmd", "--state")
    ),
    "exports": lambda _what, programs, _: _if_installed(programs, ("exportfs", "-ra")),
    "apparmor": lambda what, programs, _: _apparmor(programs, what),
    "restorecon": lambda what, programs, _: _restorecon(programs, what),
    "live": lambda what, programs, _: _live(programs, what),
}
