"""Every fix of a text that a recorded host is offered can be made, is then there, and heals its control."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

from tests.changedhost import ChangedHost
from tests.recorded import bundle
from virtwarden import profiles
from virtwarden.controls import every_control
from virtwarden.edits import Edit, RemoveElement
from virtwarden.facts.policy import Policy, policy_from
from virtwarden.formats import auditrules, keyvalue, sshdconf, virconf, xmltext
from virtwarden.host import Absent, Host, Source, Unknown
from virtwarden.model import Document, Report, Result, State
from virtwarden.scan import scan
from virtwarden.sources.recording import Snapshot
from virtwarden.splice import apply, apply_all, is_textual
from virtwarden.splice.xmlpaths import counts

DEMO = Path(str(files("virtwarden.demo") / "host.jsonl.gz"))
BUNDLES = sorted(Path(bundle.__file__).parent.glob("*.txt"))
RECORDED = [pytest.param(path, id=path.name.partition(".")[0]) for path in (DEMO, *BUNDLES) if path.exists()]
OF_TODAY = [each for each in RECORDED if each.id not in ("rhel6", "sles11")]

XML_PLACES = {
    "domain": "/etc/libvirt/qemu",
    "nwfilter": "/etc/libvirt/nwfilter",
    "network": "/etc/libvirt/qemu/networks",
}
BOOT_PLACES = (
    "/boot/loader/entries/*.conf", "/etc/kernel/cmdline", "/etc/default/grub", "/boot/grub/menu.lst",
    "/boot/grub2/grubenv",
)  # fmt: skip
ASKED = frozenset({("sshd", "-T")})
"""Programs whose recorded answers speak of files as they were."""

Wanted = Mapping[Document, Mapping[Edit, str]]


def demanding() -> Policy:
    """A policy that finds as much to change as it can."""
    profile = profiles.load("strict")
    limits = {"cpu_shares": 100, "cpu_percent": 50, "disk_iops": 50, "disk_mib_per_second": 1}
    all_guests = {"guests": ["*"], "network_kib_per_second": 10, **limits}
    remote = {"allowed_dns": ["C=DE,O=Site,CN=admin"]}
    values = {**profile.policy, "remote": remote, "limits": {"classes": {"all": all_guests}}}
    return policy_from(values, {"profile": profile.name}, where="the test")


@cache
def source_of(path: Path) -> Source:
    return bundle.load(path) if path.suffix == ".txt" else Snapshot(str(path))


def judged(source: Source) -> Report:
    return scan(Host(source, demanding()), every_control())


def wanted(report: Report, *states: State | None) -> Wanted:
    """The edits of texts that a report asks for, by document, each with the control that does."""
    found: dict[Document, dict[Edit, str]] = {}
    for outcome in report.outcomes:
        for finding in outcome.findings:
            assert finding.result is not Result.ERROR, finding.message
            for change in finding.fix if finding.state in states else ():
                if is_textual(change.edit):
                    found.setdefault(change.document, {}).setdefault(change.edit, outcome.control)
    return found


@cache
def offered(path: Path) -> Wanted:
    return wanted(judged(source_of(path)), None, State.ON_DISK, State.IN_FORCE)


def places(source: Source, document: Document) -> Iterator[tuple[str, Document]]:
    """The files that hold a document, and what each is to the edits."""
    if document.kind == "boot":
        for pattern in BOOT_PLACES:
            yield from ((path, Document("boot", path)) for path in paths(source, pattern))
    elif document.kind in XML_PLACES:
        yield f"{XML_PLACES[document.kind]}/{document.name}.xml", document
    else:
        yield document.name, document


def paths(source: Source, pattern: str) -> list[str]:
    try:
        return source.glob(pattern)
    except (Absent, Unknown):
        return []


def text_at(source: Source, path: str) -> str | None:
    """The text of a file; None where there is none or where none was recorded, as with files of our own."""
    try:
        return source.read(path).text
    except (Absent, Unknown):
        return None


def texts(source: Source, all_wanted: Wanted) -> Iterator[tuple[str, Document, str | None, list[Edit]]]:
    for document, edits in all_wanted.items():
        for path, place in places(source, document):
            yield path, place, text_at(source, path), list(edits)


def well_formed(path: str, text: str | None) -> None:
    """Raises where the reader of such a file would refuse it."""
    if text is None:
        return
    if path.endswith(".xml"):
        xmltext.parse(text)
    elif path.startswith("/etc/libvirt/"):
        virconf.parse(text)
    elif path.endswith("/sshd_config"):
        sshdconf.parse(text)
    elif path.endswith(".rules") and "/audit/" in path:
        assert auditrules.parse(text).broken == ()
    elif path.startswith("/etc/default/"):
        keyvalue.assignments(text)
    assert text.endswith("\n") or not text


@pytest.mark.parametrize("recorded", RECORDED)
def test_each_fix_can_be_made_once_and_no_more(recorded: Path) -> None:
    seen = 0
    for path, document, before, edits in texts(source_of(recorded), offered(recorded)):
        for edit in edits:
            after = apply(edit, before, document)
            well_formed(path, after)
            seen += 1
            if not (isinstance(edit, RemoveElement) and counts(edit.path)):
                assert apply(edit, after, document) == after
    assert seen >= 10


@pytest.mark.parametrize("recorded", RECORDED)
def test_fixes_of_one_document_go_together_in_any_order(recorded: Path) -> None:
    for path, document, before, edits in texts(source_of(recorded), offered(recorded)):
        after = apply_all(edits, before, document)
        well_formed(path, after)
        assert lines_of(after) == lines_of(apply_all(edits[::-1], before, document))


def lines_of(text: str | None) -> list[list[str]]:
    """Lines without an order, and the words of each without one too."""
    return sorted(sorted(re.findall(r"""[^\s"'<>/]+""", line)) for line in (text or "").split("\n"))


@pytest.mark.parametrize("recorded", OF_TODAY)
def test_fixes_on_disk_heal(recorded: Path) -> None:
    """Boot loaders are left out: what they read is made from these files by their own tools."""
    source = source_of(recorded)
    made = {
        path: apply_all(edits, before, document)
        for path, document, before, edits in texts(source, offered(recorded))
        if document.kind != "boot"
    }
    assert made
    again = wanted(judged(ChangedHost(source, made, ASKED)), None, State.ON_DISK)
    first = offered(recorded)
    assert unhealed(first, again) == []


def unhealed(first: Wanted, again: Wanted) -> Iterable[str]:
    return [
        f"{control} still wants {edit} in {document}"
        for document, edits in again.items()
        for edit, control in edits.items()
        if document.kind != "boot" and edit in first.get(document, {})
    ]
