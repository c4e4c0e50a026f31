"""What a control is: prose, a check, and where it can be tried, a proof.

A control is a value named `CONTROL` in a module of its own below `virtwarden.controls`, in the folder of
its chapter; module name and id are the same words. Its prose is the module's docstring:

    One sentence that states the wanted condition.

    Why it matters, in one or more paragraphs.

    Judged: what is read and what decides.

    Fix: what makes it pass, and what that disturbs.

    Proof: the experiment that shows that it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from inspect import cleandoc

from virtwarden.host import Host
from virtwarden.model import Finding, Severity

Findings = Iterator[Finding]
Check = Callable[[Host], Iterable[Finding]]

CHAPTERS = {
    "tcb": "Trusted computing base",
    "network": "Network isolation",
    "filter": "Network filters",
    "storage": "Storage",
    "remote": "Remote management",
    "console": "Consoles and channels",
    "svirt": "sVirt confinement",
    "limits": "Resource limits",
    "encryption": "Encryption at rest",
    "audit": "Auditing",
    "upkeep": "Upkeep",
}

_LABELS = ("Judged:", "Fix:", "Proof:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A requirement on a host.

    `module` is the `__name__` of the module it stands in, which gives its id and chapter; `doc` that module's
    docstring. `sections` are ids of the blueprint's procedures that it covers; none if it goes beyond them.
    """

    module: str
    doc: str | None
    severity: Severity
    check: Check
    sections: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The name of its module, with hyphens."""
        return self.module.rpartition(".")[2].replace("_", "-")

    @property
    def chapter(self) -> str:
        """The folder it lives in, a key of `CHAPTERS`."""
        return self.module.split(".")[-2]

    @property
    def title(self) -> str:
        """The wanted condition, the first line of its prose, without the full stop."""
        return self._paragraphs()[0].rstrip(".")

    @property
    def explained(self) -> str:
        """All of the prose below the title: why it matters, and the labelled paragraphs."""
        return "\n\n".join(self._paragraphs()[1:])

    @property
    def why(self) -> str:
        """The prose between the title and the labelled paragraphs."""
        return "\n\n".join(p for p in self._paragraphs()[1:] if not p.startswith(_LABELS))

    @property
    def judged(self) -> str:
        """How it is judged."""
        return self._labelled("Judged:")

    @property
    def fix(self) -> str:
        """What makes it pass."""
        return self._labelled("Fix:")

    @property
    def proof(self) -> str:
        """The experiment that shows that it holds."""
        return self._labelled("Proof:")

    def _paragraphs(self) -> list[str]:
        return [" ".join(part.split()) for part in cleandoc(self.doc or self.id).split("\n\n")]

    def _labelled(self, label: str) -> str:
        found = [p.removeprefix(label).strip() for p in self._paragraphs() if p.startswith(label)]
        return found[0] if found else ""
