"""Audit rules watch libvirt's settings, keys, images, programs and runtime files.

The blueprint's rules did that for RHEL 6: one emulator path, one daemon, the certificates of two directories.
Files have moved since, daemons have multiplied, and its most costly rule recorded every write of every guest.
What matters is that each thing that exists on this host is watched, for the calls of 64-bit and of 32-bit programs:
whoever wants to stay out of the log needs no more than the other kind.

Judged: for every file and directory of the list that exists here, whether rules on disk record the ways of
access that matter (changes, reads of private keys, starts of programs), for each kind of system calls that this
machine's kernel takes. Rules may leave out daily work by type or program; where only people's doings matter, those
may be asked for alone.

Fix: the rules that `virt-warden audit rules` makes for this host, in two files of our own in rules.d; where rules
are kept in one file, those that are missing are added there.

Proof: each rule is fired once, harmlessly, and its record is found by its key.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import AddLine, Replace
from virtwarden.facts.audit import COMPILED, AuditRules, RulesFile
from virtwarden.facts.audit_places import Watched
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Evidence, Finding, Severity, State, Subject
from virtwarden.ruleset.coverage import covers, kinds_covered, records
from virtwarden.ruleset.generator import RuleSet, rule_set
from virtwarden.ruleset.situation import Place, Situation, situation

_SHARPER = "virt_qemu_manual"
"""What this key's rules tell apart is recorded by those of virt_qemu_exec too."""
_DEEDS = {"wa": "changes", "r": "reads", "x": "starts", "rwa": "reads and changes", "rw": "use"}


def check(host: Host) -> Findings:
    written = host.get(AuditRules)
    rules = [(file, rule) for file, rule in written.in_order() if records(rule)]
    about = situation(host)
    wanted = rule_set(about)
    for place in about.places:
        if place.watched.key == _SHARPER:
            continue
        yield _judged(place, about, rules, wanted)
    if about.unseen:
        yield _unseen(about.unseen)
    if not about.places and not about.unseen:
        yield notapplicable(HOST, "there is no libvirt here to watch", state=State.ON_DISK)


def _judged(place: Place, about: Situation, rules: list[tuple[RulesFile, Rule]], wanted: RuleSet) -> Finding:
    watched, names = place.watched, frozenset((place.watched.path, place.real))
    subject = Subject("file", watched.path)
    kinds = kinds_covered((rule for _, rule in rules), watched, names)
    lacking = [arch for arch in about.arches or ("b64",) if arch not in kinds]
    evidence = [file.cite(rule.line) for file, rule in rules if covers(rule, watched, names)][:3]
    if not lacking:
        return passed(subject, f"a rule on disk records {_words(watched)}", *evidence, state=State.ON_DISK)
    message = f"no rule records {_words(watched)}"
    if kinds:
        message += f" by {lacking[0].removeprefix('b')}-bit calls"
    seen = evidence or [Evidence(f"no rule speaks of {place.real}", path="/etc/audit/rules.d")]
    return failed(subject, message, *_fix(watched, wanted), evidence=seen, state=State.ON_DISK)


def _unseen(unseen: dict[str, str]) -> Finding:
    path, why = next(iter(unseen.items()))
    if len(unseen) == 1:
        return unknown(Subject("file", path), why, state=State.ON_DISK)
    more = f"whether {len(unseen)} more places are there to be watched, {path} the first of them"
    return unknown(HOST, f"{more}: {why}", state=State.ON_DISK)


def _fix(watched: Watched, wanted: RuleSet) -> Iterator[Change]:
    if wanted.in_one_file:
        same = (each for each in wanted.for_path(watched.path) if f"-F perm={watched.perm} " in each.line)
        return (file_change(COMPILED, AddLine(each.line)) for each in same)
    return (file_change(path, Replace(text)) for path, text in wanted.files().items())


def _words(watched: Watched) -> str:
    return _DEEDS[watched.perm] + (" by people" if watched.by_people else "")


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=(
        "auditing-overview",
        "audit-rules-file",
        "audit-tls-keys",
        "audit-libvirt-configuration",
        "audit-environment-changes",
    ),
    check=check,
)
