"""The closed set of edits that a failing finding may ask for.

An edit is data: it says what a document should become, never how or when. Whoever shows it calls
`describe`; whoever applies it splices the text of the document and leaves the rest alone.

Edits are tagged structs rather than dataclasses, so that a report on disk can tell them apart.
"""

from __future__ import annotations

from msgspec import Struct

ConfValue = int | str | tuple[str, ...]


class SetConf(Struct, frozen=True, tag=True):
    """`key = value` in a file of libvirt's own grammar (qemu.conf, libvirtd.conf …)."""

    key: str
    value: ConfValue


class SetLine(Struct, frozen=True, tag=True):
    """`key` with this value in a file of one setting a line (sshd_config, auditd.conf, sysctl.d …)."""

    key: str
    value: str
    separator: str = " = "


class AddLine(Struct, frozen=True, tag=True):
    """This line stands in a file of one rule a line (audit rules, access lists), once."""

    line: str


class RemoveLine(Struct, frozen=True, tag=True):
    """The setting of this key, or this exact line, is taken out of a line-oriented file."""

    key: str


class SetAttribute(Struct, frozen=True, tag=True):
    """An attribute of every element at `path`.

    A path leads down from the root: names, `{namespace}name`s or `*` with `/` between them, each with any number
    of `[2]`, `[@name]` and `[@name='value']` behind it, which XPath's rules narrow one after the other; `.` is
    the root itself.
    """

    path: str
    name: str
    value: str


class RemoveAttribute(Struct, frozen=True, tag=True):
    """An attribute is taken from every element at `path`."""

    path: str
    name: str


class InsertElement(Struct, frozen=True, tag=True):
    """A child of the element at `path`, given as XML text: it stands there afterwards, once, with what it had."""

    path: str
    xml: str


class RemoveElement(Struct, frozen=True, tag=True):
    """Every element at `path` is taken out."""

    path: str


class SetMode(Struct, frozen=True, tag=True):
    """Permissions, owner and security label of a file; None leaves as it is. A document of the kind directory is
    made where it is not there."""

    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    label: str | None = None


class Replace(Struct, frozen=True, tag=True):
    """The whole text of a document, for documents that are ours alone; None removes it."""

    text: str | None


class CopyOf(Struct, frozen=True, tag=True):
    """The document becomes a copy of another file of certificates and keys, whose text no plan holds.

    `source` is the path of that file, `identity` what stands in it, told without its keys (`sources.pemidentity`);
    `what` says in words what it is. The copy has this mode, owner and group from the first moment, and the label
    of its directory unless one is given.
    """

    source: str
    identity: str
    mode: int
    owner: str = "root"
    group: str = "root"
    label: str | None = None
    what: str = ""


class SetState(Struct, frozen=True, tag=True):
    """What a document without text should be: a unit `enabled`, a boolean `on`, a mapping `closed`."""

    state: str


class Do(Struct, frozen=True, tag=True):
    """A step that only a person can take, in one sentence or command."""

    steps: str


Edit = (
    SetConf
    | SetLine
    | AddLine
    | RemoveLine
    | SetAttribute
    | RemoveAttribute
    | InsertElement
    | RemoveElement
    | SetMode
    | Replace
    | CopyOf
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


def describe(edit: Edit) -> str:  # noqa: C901, PLR0912  # one case an edit
    """The edit as the second half of a sentence that begins with the document's name."""
    match edit:
        case SetConf(key, value):
            return f"set {key} = {conf_literal(value)}"
        case SetLine(key, value, separator):
            return f"set {key}{separator}{value}"
        case AddLine(line):
            return f"add the line {line}"
        case RemoveLine(key):
            return f"remove {key}"
        case SetAttribute(path, name, value):
            return f"set {name}='{value}' on {path}"
        case RemoveAttribute(path, name):
            return f"remove {name} from {path}"
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
        case CopyOf(source):
            what = f" ({edit.what})" if edit.what else ""
            return f"make it a copy of {source}{what}, mode {edit.mode:04o}, {edit.owner}:{edit.group}"
        case SetState(state):
            return f"make it {state}"
        case Do(steps):
            return steps
