"""A plan as a shell script to be read and run: it reaches the state that `virt-warden apply` reaches.

The script looks at every document first, and stops where one is neither as it was planned for nor as it is to be;
what it replaces is kept in a directory of its own. A second run changes nothing. No secret of the host stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from posixpath import dirname
from shlex import quote

from virtwarden.edits import CopyOf, SetMode, SetState
from virtwarden.model import Activation, Plan, Rewrite
from virtwarden.places import new_mode
from virtwarden.plan import checksum, text_after
from virtwarden.report.hunks import Hunk, NotExportable, Texts, hunks
from virtwarden.report.visible import visible, visible_lines

_FUNCTIONS = {
    "daemon-reload": "daemon_reload",
    "sysctl": "setting",
    "audit-rules": "audit_rules",
    "grub": "boot_menu",
    "udev": "udev_rules",
    "firewalld": "firewall",
    "ufw": "ufw_rules",
    "nft": "own_table",
    "exports": "exported",
    "apparmor": "profiles",
    "restorecon": "labels",
    "update-tls": "update_tls",
    "reload-displays": "displays",
}
_END = "END_OF_FILE"


def render(plan: Plan, texts: Texts) -> str:
    """The script. `texts` gives the text of a file as it is, None where there is none."""
    return "".join(f"{line}\n" for line in _lines(plan, texts))


def _lines(plan: Plan, texts: Texts) -> Iterator[str]:
    numbers = {activation: number for number, activation in enumerate(plan.activations, 1)}
    yield "#!/bin/sh"
    yield "# shellcheck disable=SC2016,SC2317  # what is in single quotes is meant as it stands; no plan needs it all"
    yield f"# Made by virt-warden {plan.version} for {visible(plan.host)}, profile {visible(plan.profile)}."
    yield files("virtwarden.report").joinpath("templates/hardening.sh").read_text("utf-8").rstrip("\n")
    yield ""
    yield "the_plan() {"
    yield ":"
    for rewrite in plan.rewrites:
        yield from _rewrite(rewrite, texts, [numbers[each] for each in rewrite.activations])
    yield "}"
    yield ""
    yield "the_plan"
    yield "checking="
    yield "the_plan"
    yield from (_step(number, each) for each, number in numbers.items())
    yield '[ -z "$failed" ] || exit 1'
    yield from (f"# Left to you: {visible(each.control)}, {visible(str(each.subject))}" for each in plan.unfixed)


def _rewrite(rewrite: Rewrite, texts: Texts, steps: Sequence[int]) -> Iterator[str]:
    document = visible(str(rewrite.document))
    yield ""
    yield f"# {document}: {', '.join(map(visible, rewrite.controls))} ({rewrite.safety})"
    yield from (f"#   {line}" for line in visible_lines(rewrite.diff.replace("\t", "    ")))
    try:
        yield from list(_document(rewrite, texts))
    except NotExportable as wrong:
        yield _call("left", document, visible(str(wrong)))
    yield " ".join(("wants", *map(str, steps)))


def _document(rewrite: Rewrite, texts: Texts) -> Iterator[str]:
    kind, name = rewrite.document.kind, _plain(rewrite.document.name)
    if kind in ("file", "boot"):
        yield from _file(rewrite, texts)
    elif kind == "directory":
        for edit in rewrite.edits:
            if isinstance(edit, SetMode):
                yield _call("folder", name, *_permissions(edit))
    elif kind in ("domain", "nwfilter"):
        before = texts(rewrite.path) or ""
        after = text_after(rewrite, before) or ""
        command = "define" if kind == "domain" else "nwfilter-define"
        yield _call(
            "define", command, name, _plain(rewrite.path), checksum(before), *_pairs(rewrite.path, before, after)
        )
    else:
        wanted = [edit.state for edit in rewrite.edits if isinstance(edit, SetState)]
        yield _call("runtime" if kind == "sysctl" else kind, name, wanted[-1])


def _file(rewrite: Rewrite, texts: Texts) -> Iterator[str]:
    path = _plain(rewrite.path)
    textual = any(not isinstance(edit, CopyOf | SetMode) for edit in rewrite.edits)
    before = texts(path) if textual else None
    after = text_after(rewrite, before)
    for edit in rewrite.edits:
        if isinstance(edit, CopyOf):
            yield _call("copy", _plain(edit.source), path, *_permissions(edit))
    if before is None and after is not None:
        yield _call("directory", dirname(path))
        yield f"{_call('create', path, f'{new_mode(path):04o}', checksum(after))} {_here(after)}"
    elif before is not None and after is None:
        yield _call("remove", path, checksum(before))
    elif before is not None and after is not None and before != after:
        yield _call("edit", path, checksum(before), checksum(after), *_pairs(path, before, after))
    for edit in rewrite.edits:
        if isinstance(edit, SetMode):
            yield _call("permit", path, *_permissions(edit))


def _permissions(edit: CopyOf | SetMode) -> tuple[str, ...]:
    mode = "" if edit.mode is None else f"{edit.mode:04o}"
    return mode, edit.owner or "", edit.group or "", edit.label or ""


def _plain(name: str) -> str:
    """A name as it can stand in a script that people read. Raises `NotExportable`."""
    if not name.isprintable():
        raise NotExportable("its name holds what cannot be shown")
    return name


def _here(text: str) -> str:
    """A whole text as standard input. Raises `NotExportable`."""
    lines = text.split("\n")
    if lines[-1] or _END in lines or not all(line.replace("\t", "").isprintable() for line in lines):
        raise NotExportable("its text holds what cannot be shown")
    return f"<<'{_END}'\n{text}{_END}"


def _pairs(path: str, before: str, after: str) -> Iterator[str]:
    for hunk in hunks(path, before, after):
        yield from map(_spelled, _for_perl(hunk))


def _for_perl(hunk: Hunk) -> tuple[str, str]:
    at_end = hunk.pattern.endswith("\\Z")
    return (hunk.pattern[:-2] + "\\z" if at_end else hunk.pattern), hunk.replacement


def _spelled(words: str) -> str:
    """With bytes that cannot be shown spelled as `\\x1b`, which both sides of a replacement understand."""
    return "".join(char if char.isprintable() or char in "\n\t" else _bytes_of(char) for char in words)


def _bytes_of(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def _call(function: str, *words: str) -> str:
    return " ".join((function, *(quote(word) for word in words)))


def _step(number: int, activation: Activation) -> str:
    verb, what = activation.verb, visible(activation.what)
    function = f"service_{verb}" if verb in ("restart", "reload") else _FUNCTIONS[verb]
    return _call("step", str(number), function, *([what] if what else ()))
