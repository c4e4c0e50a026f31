"""The closed set of edits that a failing finding may ask for.

An edit is data: it says what a document should become, never how or when. Whoever shows it calls
`describe`; whoever applies it splices the text of the document and leaves the rest alone.
"""

from __future__ import annotations

from dataclasses import dataclass

ConfValue = int | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetConf:
    """`key = value` in a file of libvirt's own grammar (qemu.conf, libvirtd.conf …)."""

    key: str
    value: ConfValue


@dataclass(frozen=True, slots=True)
class SetLine:
    """`key` with this value in a file of one setting a line (sshd_config, auditd.conf, sysctl.d …)."""

    key: str
    value: str
    separator: str = " = "


@dataclass(frozen=True, slots=True)
class RemoveLine:
    """The setting of this key, or this exact line, is taken out of a line-oriented file."""

    key: str


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """An attribute of the element at `path` (ElementTree's XPath subset, below the root)."""

    path: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class InsertElement:
    """A new child, given as XML text, of the element at `path`."""

    path: str
    xml: str


@dataclass(frozen=True, slots=True)
class RemoveElement:
    """The element at `path` is taken out."""

    path: str


@dataclass(frozen=True, slots=True)
class SetMode:
    """Permissions, owner and security label of a file; None leaves as it is."""

    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """The whole text of a document, for documents that are ours alone; None removes it."""

    text: str | None


@dataclass(frozen=True, slots=True)
class SetState:
    """What a document without text should be: a unit `enabled`, a boolean `on`, a mapping `closed`."""

    state: str


@dataclass(frozen=True, slots=True)
class Do:
    """A step that only a person can take, in one sentence or command."""

    steps: str


Edit = (
    SetConf
    | SetLine
    | RemoveLine
    | SetAttribute
    | InsertElement
    | RemoveElement
    | SetMode
    | Replace
    | SetState
    | Do
)


def conf_literal(value: ConfValue) -> str:
    """The value as libvirt's conf grammar spells it: `1`, `"text"` or `[ "a", "b" ]`."""
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        return f'"{value}"'
    return "[ " + ", ".join(f'"{item}"' for item in value) + " ]" if value else "[]"


def describe(edit: Edit) -> str:
    """The edit as the second half of a sentence that begins with the document's name."""
    match edit:
        case SetConf(key, value):
            return f"set {key} = {conf_literal(value)}"
        case SetLine(key, value, separator):
            return f"set {key}{separator}{value}"
        case RemoveLine(key):
            return f"remove {key}"
        case SetAttribute(path, name, value):
            return f"set {name}='{value}' on {path}"
        case InsertElement(path, xml):
            return f"add {xml} below {path}"
        case RemoveElement(path):
            return f"remove {path}"
        case SetMode():
            wanted = {
                "mode": None if edit.mode is None else f"{edit.mode:04o}",
                "owner": edit.owner,
                "group": edit.group,
                "label": edit.label,
            }
            return "set " + ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None)
        case Replace(None):
            return "remove it"
        case Replace(text):
            return f"write:\n{text}"
        case SetState(state):
            return f"make it {state}"
        case Do(steps):
            return steps
