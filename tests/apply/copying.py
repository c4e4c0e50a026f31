"""A host below a directory, and a folder of certificates and keys that are placed on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.apply.worlds import tree
from tests.real.credentials import Credential, SiteAuthority
from virtwarden.apply import Applying, Done
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Host
from virtwarden.journal import Journal
from virtwarden.model import Change, Plan, Report
from virtwarden.placing import changes, host_placements
from virtwarden.plan import of_changes
from virtwarden.sources.redact import Redacted
from virtwarden.sources.root import Root
from virtwarden.stores.keeper import Keeper
from virtwarden.undo import undo

GROUPS = "root:x:0:\nlibvirt-qemu:x:64055:\nstaff:x:50:\n"
QEMU_GROUP = 64055
FOLDER = "/root/kvm7"


@dataclass
class Site:
    """A host that has libvirt, with `FOLDER` on it."""

    folder: Path

    def __post_init__(self) -> None:
        self.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n")
        self.put("/etc/group", GROUPS)
        self.put("/etc/libvirt/libvirtd.conf", "")
        self.put("/etc/libvirt/qemu.conf", "")
        self.put("/usr/sbin/libvirtd", "")
        self.told: list[str] = []

    @cached_property
    def authority(self) -> SiteAuthority:
        return SiteAuthority()

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "state")

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        place = self.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def offer(self, use: str, role: str = "server", folder: str = FOLDER) -> Credential:
        """Put a certificate of the site's authority and its key into the folder."""
        made = self.authority.issue(f"O=Example,CN={use}.{role}", role, names=("kvm7.example.com",))
        self.put(f"{folder}/{use}/cacert.pem", self.authority.certificate)
        self.put(f"{folder}/{use}/{role}cert.pem", made.certificate)
        self.put(f"{folder}/{use}/{role}key.pem", made.key, 0o600)
        return made

    def host(self) -> Host:
        return Host(Redacted(self.source), Policy(remote=Remote(certificates=FOLDER)))

    @property
    def source(self) -> Root:
        return Root(str(self.root))

    def planned(self, *wanted: Change) -> Plan:
        host = self.host()
        every = wanted or changes(host, host_placements(host))
        return of_changes(host, self.source, "kvm7", every, for_="pki install", root=str(self.root))

    def apply(self, plan: Plan) -> Done:
        with self.journal.locked():
            return Applying(
                self.journal, Keeper(str(self.root)), self.source, _never_judged, self.told.append
            ).apply(plan)

    def rollback(self) -> tuple[str, ...]:
        found = self.journal.open_transaction() or next(iter(self.journal.history()))
        with self.journal.locked():
            return undo(self.journal, found, Keeper(str(self.root)), "asked for", self.told.append)

    def tree(self) -> dict[str, object]:
        return tree(self.root)

    def holders(self, secret: str) -> list[os.stat_result]:
        """The files, but for the folder's own, in which any line of a key stands."""
        lines = [line.encode() for line in secret.splitlines() if "-----" not in line]
        found = []
        for directory, _, names in os.walk(self.root):
            for name in names:
                path = Path(directory, name)
                if str(path).startswith(str(self.path(FOLDER))) or not path.is_file():
                    continue
                data = path.read_bytes()
                if any(line in data for line in lines):
                    found.append(path.stat())
        return found


def _never_judged(_: object) -> Report:
    raise AssertionError("nothing is expected of a placing that could be judged")
