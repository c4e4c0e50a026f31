"""Hosts that are changed for real: the recorded host of the demo, laid out in a directory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

from tests.contract.test_fixes import demanding
from tests.recorded import bundle
from virtwarden.apply import Applying, Done
from virtwarden.controls import every_control
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Source, Stat
from virtwarden.journal import Journal, Transaction
from virtwarden.model import Plan, Report
from virtwarden.plan import make
from virtwarden.scan import scan
from virtwarden.sources.recording import Snapshot
from virtwarden.sources.redact import Redacted
from virtwarden.sources.root import Root
from virtwarden.sources.scratch import lay_out, made_of
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.programs import Programs
from virtwarden.undo import undo

DEMO = str(files("virtwarden.demo") / "host.jsonl.gz")


@dataclass
class World:
    """A host below a directory, with its journal, a policy and what it takes to change it."""

    folder: Path
    source: Source
    policy: Policy = field(default_factory=demanding)
    told: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "state")

    def judged(self, ids: Sequence[str] = ()) -> Report:
        controls = [control for control in every_control() if not ids or control.id in ids]
        return scan(Host(Redacted(self.source), self.policy), controls)

    def planned(self, ids: Sequence[str] = ()) -> Plan:
        host = Host(Redacted(self.source), self.policy)
        controls = [control for control in every_control() if not ids or control.id in ids]
        return make(host, self.source, scan(host, controls), str(self.root))

    def apply(self, plan: Plan) -> Done:
        with self.journal.locked() as held:
            keeper = Keeper(str(self.root), Programs((held,)))
            return Applying(self.journal, keeper, self.source, self.judged, self.told.append).apply(plan)

    def rollback(self, *, force: bool = False) -> tuple[str, ...]:
        return self.take_back(self.journal.open_transaction() or next(iter(self.journal.history())), force=force)

    def take_back(self, found: Transaction, *, force: bool = False) -> tuple[str, ...]:
        with self.journal.locked() as held:
            keeper = Keeper(str(self.root), Programs((held,)))
            return undo(self.journal, found, keeper, "asked for", self.told.append, force=force)

    def tree(self) -> dict[str, object]:
        return tree(self.root)


def laid_out(folder: Path, recorded: Path = Path(DEMO)) -> World:
    """A recorded host below a folder, that of the demo unless another one is named."""
    if recorded.suffix != ".txt":
        return World(folder, lay_out(Snapshot(str(recorded)), folder / "root"))
    host = bundle.load(recorded)
    named = [path for path, node in host.nodes.items() if node.kind in ("file", "dir", "link")]
    paths = [*dict.fromkeys(str(each) for path in named for each in (Path(path), *Path(path).parents)), *named]
    texts = (host.read(path) for path in named if host.nodes[path].kind == "file")
    stats = (found for path in paths if (found := seen(host, path)) is not None)
    return World(folder, made_of(host, texts, stats, folder / "root"))


def as_image(world: World) -> World:
    """The same host seen as a mounted image: nothing of it runs."""
    return replace(world, source=Root(str(world.root)))


def seen(source: Source, path: str) -> Stat | None:
    """What a source says of a path; None of a link that leads nowhere."""
    try:
        return source.stat(path)
    except Absent:
        return None


def tree(root: Path) -> dict[str, object]:
    """Everything below a directory: kinds, bytes, modes, owners, labels and attributes."""
    found: dict[str, object] = {}
    for directory, names, files_ in os.walk(root):
        for name in (*names, *files_):
            path = Path(directory, name)
            stat = path.lstat()
            what: object = (
                os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "dir"
            )
            attributes = {} if path.is_symlink() else {n: os.getxattr(path, n) for n in os.listxattr(path)}
            found[str(path.relative_to(root))] = (what, stat.st_mode, stat.st_uid, stat.st_gid, attributes)
    return found
