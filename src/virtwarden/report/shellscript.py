"""A plan as a shell script to be read and run: it reaches the state that `virt-warden apply` reaches.

A file that is neither as it was planned for nor as it is to be stops the script before that file is touched; what it
replaces is kept in a directory of its own. A second run changes nothing. No secret of the host stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from importlib.resources import files
from posixpath import dirname
from shlex import quote

from virtwarden.edits import SetMode, SetState
from virtwarden.model import Activation, Plan, Rewrite
from virtwarden.plan import text_after
from virtwarden.report.hunks import Hunk, NotExportable, hunks
from virtwarden.report.visible import visible, visible_lines

Texts = Callable[[str], str | None]

_COMMANDS = {
    "daemon-reload": "systemctl daemon-reload",
    "audit-rules": "augenrules --load",
    "udev": "udevadm control --reload && udevadm trigger --name-match=kvm",
    "firewalld": "firewall-cmd --reload",
    "exports": "exportfs -ra",
}


def render(plan: Plan, texts: Texts) -> str:
    """The script. `texts` gives the text of a file as it is, None where there is none."""
    return "".join(f"{line}\n" for line in _lines(plan, texts))


def _lines(plan: Plan, texts: Texts) -> Iterator[str]:
    yield "#!/bin/sh"
    yield "# shellcheck disable=SC2016  # what is in single quotes is meant as it stands"
    yield f"# Made by virt-warden {plan.version} for {visible(plan.host)}, profile {visible(plan.profile)}."
    yield files("virtwarden.report").joinpath("templates/hardening.sh").read_text("utf-8").rstrip("\n")
    for rewrite in plan.rewrites:
        yield ""
        yield f"# {visible(str(rewrite.document))}: {', '.join(rewrite.controls)} ({rewrite.safety})"
        yield from (f"#   {line}" for line in visible_lines(rewrite.diff))
        try:
            yield from list(_document(rewrite, texts))
        except NotExportable as wrong:
            yield f"say {quote(f'{rewrite.document} is left as it is: {wrong}')}"
    yield ""
    yield 'if [ -n "$changed" ]; then'
    yield from (f"    {_activation(each)}" for each in plan.activations)
    yield "    :"
    yield "fi"
    yield from (f"# Left to you: {visible(each.control)}, {visible(str(each.subject))}" for each in plan.unfixed)


def _document(rewrite: Rewrite, texts: Texts) -> Iterator[str]:
    kind, name = rewrite.document.kind, rewrite.document.name
    if kind in ("file", "boot"):
        yield from _file(rewrite, texts)
    elif kind in ("domain", "nwfilter"):
        before = _definition(texts(rewrite.path) or "")
        after = _definition(text_after(rewrite, texts(rewrite.path)) or "")
        yield _call(kind, name, *_pairs(hunks(rewrite.path, before, after)))
    else:
        wanted = [edit.state for edit in rewrite.edits if isinstance(edit, SetState)]
        yield _call("runtime" if kind == "sysctl" else kind, name, wanted[-1])


def _file(rewrite: Rewrite, texts: Texts) -> Iterator[str]:
    path = rewrite.path
    before = texts(path) if any(not isinstance(edit, SetMode) for edit in rewrite.edits) else None
    after = text_after(rewrite, before)
    if before is None and after is not None:
        mode = "0640" if "/audit/" in path else "0644"
        yield f"directory {quote(dirname(path))}"
        yield f"{_call('create', path, mode, _sum(after))} <<'END_OF_FILE'\n{after}END_OF_FILE"
    elif before is not None and after is None:
        yield _call("remove", path, _sum(before))
    elif before is not None and after is not None and before != after:
        yield _call("edit", path, _sum(before), _sum(after), *_pairs(hunks(path, before, after)))
    for edit in rewrite.edits:
        if isinstance(edit, SetMode):
            mode = "" if edit.mode is None else f"{edit.mode:04o}"
            yield _call("permit", path, mode, edit.owner or "", edit.group or "", edit.label or "")


def _definition(text: str) -> str:
    """The XML without the comment that libvirt's own files begin with, as virsh tells it."""
    return re.sub(r"\A(?:<!--.*?-->\s*)+", "", text, flags=re.DOTALL)


def _pairs(found: Sequence[Hunk]) -> Iterator[str]:
    for hunk in found:
        yield hunk.pattern.replace("\\Z", "\\z")
        yield hunk.replacement


def _call(function: str, *words: str) -> str:
    return " ".join((function, *(quote(word) for word in words)))


def _sum(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _activation(activation: Activation) -> str:
    verb, what = activation.verb, quote(activation.what)
    if verb in ("restart", "reload"):
        return f"service_{verb} {what}"
    if verb == "sysctl":
        return f"sysctl -q -w {what}"
    if verb == "grub":
        return "boot_menu"
    if verb == "apparmor":
        return f"apparmor_parser --replace {what}"
    if verb == "restorecon":
        return f"restorecon -R {what}"
    return _COMMANDS[verb]
