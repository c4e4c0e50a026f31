"""SELinux's own documents: booleans and file contexts as an administrator has set them, and the labels of files.

What an administrator has set is read from the policy store's local files, and set by setsebool and semanage, which
keep the store and the loaded policy in step.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit, SetState
from virtwarden.formats import filecontexts
from virtwarden.model import Document
from virtwarden.stores.images import Image, Nothing, StateImage, StoreError
from virtwarden.stores.programs import Programs

_CONFIG = "/etc/selinux/config"
_RECORDS = ("/var/lib/selinux/{}/active/booleans.local", "/etc/selinux/{}/modules/active/booleans.local")
_CONTEXTS = "/etc/selinux/{}/contexts/files/file_contexts.local"
_BOOLEAN = re.compile(r"^\s*(\w+)\s*=\s*(\w+)\s*$", re.MULTILINE)
_SHOWN = re.compile(r"^(\w+) --> (on|off)(?: pending: (on|off))?$", re.MULTILINE)
_TRUE = ("1", "on", "true")
_KINDS = {"": "a", "--": "f", "-d": "d", "-c": "c", "-b": "b", "-s": "s", "-l": "l", "-p": "p"}
_FILE_KINDS = {"file": "--", "dir": "-d", "char": "-c", "block": "-b", "socket": "-s", "link": "-l", "fifo": "-p"}
_NONE = "<<none>>"


@dataclass(frozen=True, slots=True)
class Booleans:
    """SELinux's booleans: the local record (`record`, empty where there is none) and the value in force (`value`,
    empty where SELinux is off)."""

    programs: Programs

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The boolean as it is. Raises `StoreError`."""
        said = self.programs.ask(("getsebool", name))
        value = next((match[2] for match in _SHOWN.finditer(said.stdout) if match[1] == name), "")
        if not value and "disabled" not in said.stderr:
            return Nothing()
        return StateImage({"record": _records().get(name, ""), "value": value})

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with the boolean on or off, now and after a boot. Raises `StoreError`."""
        if not isinstance(image, StateImage):
            raise StoreError(f"the policy has no {document}")
        for edit in edits:
            if not isinstance(edit, SetState) or edit.state not in ("on", "off"):
                raise StoreError(f"{document} cannot be changed in this way")
            value = edit.state if image.words["value"] else ""
            image = StateImage({"record": edit.state, "value": value})
        return image

    def put(self, name: str, image: Image) -> Image:
        """Set the record and the value in force. Raises `StoreError`."""
        now = self.image(name)
        if not isinstance(image, StateImage) or not isinstance(now, StateImage) or now == image:
            return now
        record, value = image.words["record"], image.words["value"]
        if record != now.words["record"]:
            if record:
                self.programs.must(("setsebool", "-P", name, record))
            else:
                self._forget(name)
            now = self.image(name)
        if value and isinstance(now, StateImage) and now.words["value"] != value:
            self.programs.must(("setsebool", name, value))
        return self.image(name)

    def _forget(self, name: str) -> None:
        """semanage has no word for deleting one record: all go and the others come back, in one transaction."""
        others = {other: value for other, value in _records().items() if other != name}
        lines = ("boolean -D", *(f"boolean -m --{value} {other}" for other, value in others.items()))
        self.programs.must(("semanage", "import"), "".join(f"{line}\n" for line in lines))


@dataclass(frozen=True, slots=True)
class FileContexts:
    """Local rules for the labels of files. A name is a pattern, with a kind as file_contexts(5) spells it behind
    it where the rule is for one alone: `/data(/.*)?`, `/data/private -d`."""

    programs: Programs

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The local rule; nothing where there is none. Raises `StoreError`."""
        pattern, kind = _pattern(name)
        rules = filecontexts.parse(_text(_local((_CONTEXTS,))))
        found = [rule for rule in rules if (rule.pattern, _FILE_KINDS.get(rule.kind or "", "")) == (pattern, kind)]
        return StateImage({"context": found[-1].context or _NONE}) if found else Nothing()

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with a rule for this context; a type alone stands for the context of system files. Raises
        `StoreError`."""
        for edit in edits:
            if not isinstance(edit, SetState):
                raise StoreError(f"{document} cannot be changed in this way")
            image = Nothing() if edit.state == "absent" else StateImage({"context": _context(edit.state)})
        return image

    def put(self, name: str, image: Image) -> Image:
        """Set, change or delete the local rule. Raises `StoreError`."""
        now = self.image(name)
        if now == image:
            return now
        pattern, kind = _pattern(name)
        which = ("-f", _KINDS[kind])
        if isinstance(image, StateImage):
            self._record(pattern, (*which, *_parts(image.words["context"])), isinstance(now, Nothing))
        else:
            self.programs.must(("semanage", "fcontext", "-d", *which, pattern))
        return self.image(name)

    def _record(self, pattern: str, options: tuple[str, ...], is_new: bool) -> None:
        """A rule that changes one of the policy's own is no addition to semanage, though it is a new record."""
        if is_new:
            argv = ("semanage", "fcontext", "-a", *options, pattern)
            said = self.programs.ask(argv)
            if said.code == 0:
                return
            if "already defined" not in said.complaint:
                raise StoreError(f"{' '.join(argv)}: {said.complaint}")
        self.programs.must(("semanage", "fcontext", "-m", *options, pattern))


def _records() -> dict[str, str]:
    found = _BOOLEAN.findall(_without_comments(_text(_local(_RECORDS))))
    return {name: "on" if value in _TRUE else "off" for name, value in found}


def _context(state: str) -> str:
    if ":" in state or state == _NONE:
        return state
    level = ":s0" if ":s0" in _text(f"/etc/selinux/{_policy()}/contexts/files/file_contexts") else ""
    return f"system_u:object_r:{state}{level}"


def _parts(context: str) -> tuple[str, ...]:
    if context == _NONE:
        return ("-t", _NONE)
    user, _, rest = context.partition(":")
    _, _, rest = rest.partition(":")
    kind, _, level = rest.partition(":")
    return ("-s", user, "-t", kind, *(("-r", level) if level else ()))


def _pattern(name: str) -> tuple[str, str]:
    pattern, _, kind = name.rpartition(" ")
    return (pattern, kind) if pattern and kind in _KINDS else (name, "")


def _policy() -> str:
    found = re.findall(r"^SELINUXTYPE=(\S+)", _text(_CONFIG), re.MULTILINE)
    return found[-1] if found else "targeted"


def _local(places: Sequence[str]) -> str:
    paths = [place.format(_policy()) for place in places]
    return next((path for path in paths if os.path.exists(path)), paths[0])


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StoreError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
