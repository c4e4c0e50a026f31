"""A plan as an Ansible playbook: it reaches the state that `virt-warden apply` reaches, with built-in modules alone.

Each replacement finds the place that it was planned for and nothing else, so that a file that differs is left alone,
and a second run changes nothing. No secret of the host stands in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from posixpath import dirname

from virtwarden.edits import SetMode, SetState
from virtwarden.model import Activation, Plan, Rewrite
from virtwarden.plan import text_after
from virtwarden.report.hunks import Hunk, NotExportable, hunks
from virtwarden.report.visible import visible

Texts = Callable[[str], str | None]
Value = str | bool | Sequence["Value"] | dict[str, "Value"]
Task = dict[str, Value]

_VIRSH = ("virsh", "--quiet", "--connect", "qemu:///system")
_TEMPLATE = re.compile(r"\{[{%#]")
_THERE = ("/sysctl.d", "/modprobe.d", "/modules-load.d", "/systemd/system", "/rules.d", "/libvirt", "/ssh", "/etc")
"""Directories that packages bring, with modes of their own."""
_STATES: dict[str, dict[str, Value]] = {
    "enabled": {"enabled": True, "state": "started"},
    "disabled": {"enabled": False, "state": "stopped"},
    "masked": {"masked": True, "state": "stopped"},
    "active": {"state": "started"},
}


def render(plan: Plan, texts: Texts) -> str:
    """The playbook. `texts` gives the text of a file as it is, None where there is none."""
    tasks: list[Task] = []
    left: list[str] = []
    for rewrite in plan.rewrites:
        try:
            tasks += _notifying(rewrite, list(_tasks(rewrite, texts)))
        except NotExportable as wrong:
            left.append(f"{rewrite.document}: {wrong}; virt-warden apply can change it")
    handlers = [task for each in plan.activations for task in _handlers(each)]
    play: Task = {
        "name": f"Harden {visible(plan.host)}",
        "hosts": "all",
        "become": True,
        "gather_facts": any(each.verb == "grub" for each in plan.activations),
        "tasks": tasks,
        **({"handlers": handlers} if handlers else {}),
    }
    return "".join(("---\n# yamllint disable rule:line-length\n", *_comments(plan, left), *_items([play], "")))


def _comments(plan: Plan, left: Sequence[str]) -> Iterator[str]:
    yield f"# Made by virt-warden {plan.version} for {visible(plan.host)}, profile {visible(plan.profile)}.\n"
    for line in left:
        yield f"# Not in this playbook: {visible(line)}\n"
    if plan.unfixed:
        yield f"# {len(plan.unfixed)} findings are left to a person: virt-warden plan lists them.\n"


def _notifying(rewrite: Rewrite, tasks: list[Task]) -> list[Task]:
    names = [str(handler["name"]) for each in rewrite.activations for handler in _handlers(each)]
    return [task if not names or "register" in task else {**task, "notify": names} for task in tasks]


def _tasks(rewrite: Rewrite, texts: Texts) -> Iterator[Task]:
    """The tasks of one document. Raises `NotExportable`."""
    kind = rewrite.document.kind
    if kind in ("file", "boot"):
        yield from _file(rewrite, texts)
    elif kind in ("domain", "nwfilter"):
        yield from _of_libvirt(rewrite, texts)
    else:
        wanted = [edit.state for edit in rewrite.edits if isinstance(edit, SetState)]
        yield from _state(rewrite, wanted[-1])


def _title(rewrite: Rewrite) -> str:
    return f"Have {visible(str(rewrite.document))} meet {', '.join(rewrite.controls)}"


def _file(rewrite: Rewrite, texts: Texts) -> Iterator[Task]:
    path, title = rewrite.path, _title(rewrite)
    before = texts(path) if any(not isinstance(edit, SetMode) for edit in rewrite.edits) else None
    after = text_after(rewrite, before)
    if before != after and after is None:
        yield {"name": title, "ansible.builtin.file": {"path": path, "state": "absent"}}
    elif before is None and after is not None:
        if not dirname(path).endswith(_THERE):
            directory: dict[str, Value] = {"path": dirname(path), "state": "directory", "mode": "0755"}
            yield {"name": f"Have the directory of {visible(path)}", "ansible.builtin.file": directory}
        copied: dict[str, Value] = {
            "dest": path,
            "content": after,
            "mode": "0640" if "/audit/" in path else "0644",
        }
        yield {"name": title, "ansible.builtin.copy": copied}
    elif before is not None and after is not None:
        for hunk in hunks(path, before, after):
            wanted: dict[str, Value] = {"path": path, "regexp": hunk.pattern, "replace": hunk.replacement}
            yield {"name": title, "ansible.builtin.replace": wanted}
    for edit in rewrite.edits:
        if isinstance(edit, SetMode):
            yield {"name": title, "ansible.builtin.file": _mode(path, edit)}


def _mode(path: str, edit: SetMode) -> dict[str, Value]:
    wanted: dict[str, Value] = {"path": path}
    if edit.mode is not None:
        wanted["mode"] = f"{edit.mode:04o}"
    names = (("owner", edit.owner), ("group", edit.group))
    wanted |= {key: value for key, value in names if value is not None}
    if edit.label is not None:
        wanted["setype"] = edit.label.split(":")[2]
    return wanted


def _of_libvirt(rewrite: Rewrite, texts: Texts) -> Iterator[Task]:
    """Read the definition with its secrets, edit it in memory, and define it anew where that made a difference."""
    name, title = rewrite.document.name, _title(rewrite)
    before = _definition(texts(rewrite.path) or "")
    after = _definition(text_after(rewrite, texts(rewrite.path)) or "")
    variable = "virt_warden_" + re.sub(r"\W", "_", f"{rewrite.document.kind}_{name}").lower()
    domain = rewrite.document.kind == "domain"
    reading = ("dumpxml", "--inactive", "--security-info", f"--domain={name}") if domain else (
        "nwfilter-dumpxml", f"--nwfilter={name}"
    )  # fmt: skip
    yield {
        "name": f"Read {visible(str(rewrite.document))}",
        "ansible.builtin.command": {"argv": [*_VIRSH, *reading]},
        "register": variable,
        "changed_when": False,
        "check_mode": False,
        "no_log": True,
    }
    edited = " | ".join((f"{variable}.stdout", *(_filter(hunk) for hunk in hunks(rewrite.path, before, after))))
    yield {
        "name": title,
        "ansible.builtin.command": {
            "argv": [*_VIRSH, "define" if domain else "nwfilter-define", "--file", "/dev/stdin"],
            "stdin": "{{ " + edited + " }}",
        },
        "when": f"{variable}.stdout != ({edited})",
        "changed_when": True,
        "no_log": True,
    }


def _definition(text: str) -> str:
    """The XML without the comment that libvirt's own files begin with, as virsh tells it."""
    return re.sub(r"\A(?:<!--.*?-->\s*)+", "", text, flags=re.DOTALL).rstrip("\n")


def _filter(hunk: Hunk) -> str:
    return f"regex_replace({json.dumps(hunk.pattern)}, {json.dumps(hunk.replacement)})"


def _state(rewrite: Rewrite, wanted: str) -> Iterator[Task]:
    kind, name = rewrite.document.kind, rewrite.document.name
    if kind == "unit":
        state = {"name": name, **_STATES[wanted]}
        yield {"name": _title(rewrite), "ansible.builtin.systemd_service": state}
        return
    asked, made = {
        "sysctl": (("sysctl", "-n", name), ("sysctl", "-w", f"{name}={wanted}")),
        "boolean": (("getsebool", name), ("setsebool", "-P", f"{name}={wanted}")),
        "fcontext": (
            ("matchpathcon", "-n", name.split("(")[0]),
            ("semanage", "fcontext", "-a", "-t", wanted, name),
        ),
    }[kind]
    variable = "virt_warden_" + re.sub(r"\W", "_", f"{kind}_{name}").lower()
    yield {
        "name": f"Read {kind} {name}",
        "ansible.builtin.command": {"argv": list(asked)},
        "register": variable,
        "changed_when": False,
        "check_mode": False,
    }
    yield {
        "name": _title(rewrite),
        "ansible.builtin.command": {"argv": list(made)},
        "when": f"{json.dumps(wanted)} not in {variable}.stdout.split() | map('split', ':') | flatten",
        "changed_when": True,
    }


def _handlers(activation: Activation) -> Iterator[Task]:
    """What takes the change; a running guest's interfaces are left to its next start."""
    name, what = f"Handle {activation}", activation.what
    commands: dict[str, tuple[tuple[str, ...], ...]] = {
        "sysctl": (("sysctl", "-w", what),),
        "audit-rules": (("augenrules", "--load"),),
        "udev": (("udevadm", "control", "--reload"), ("udevadm", "trigger", "--name-match=kvm")),
        "firewalld": (("firewall-cmd", "--reload"),),
        "exports": (("exportfs", "-ra"),),
        "apparmor": (("apparmor_parser", "--replace", what),),
        "restorecon": (("restorecon", "-R", what),),
    }
    if activation.verb in ("restart", "reload"):
        service: dict[str, Value] = {"name": what, "state": f"{activation.verb}ed"}
        yield {"name": name, "ansible.builtin.service": service}
    elif activation.verb == "daemon-reload":
        yield {"name": name, "ansible.builtin.systemd_service": {"daemon_reload": True}}
    elif activation.verb == "grub":
        debian, other = "ansible_facts['os_family'] == 'Debian'", "ansible_facts['os_family'] != 'Debian'"
        made = ("grub2-mkconfig", "-o", "/boot/grub2/grub.cfg")
        yield _command(f"{name} on Debian", ("update-grub",), debian)
        yield _command(f"{name} elsewhere", made, other)
    for number, argv in enumerate(commands.get(activation.verb, ()), 1):
        yield _command(name if number == 1 else f"{name}, part {number}", argv)


def _command(name: str, argv: Sequence[str], when: str = "") -> Task:
    task: Task = {"name": name, "ansible.builtin.command": {"argv": list(argv)}, "changed_when": True}
    return {**task, "when": when} if when else task


def _items(values: Sequence[Value], margin: str) -> Iterator[str]:
    """A sequence in YAML's block style."""
    for value in values:
        if isinstance(value, dict):
            lines = list(_mapping(value, f"{margin}  "))
            yield f"{margin}- {lines[0].removeprefix(f'{margin}  ')}"
            yield from lines[1:]
        else:
            yield f"{margin}- {_scalar(value)}\n"


def _mapping(values: dict[str, Value], margin: str) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield f"{margin}{key}:\n"
            yield from _mapping(value, f"{margin}  ")
        elif isinstance(value, list | tuple):
            yield f"{margin}{key}:\n" if value else f"{margin}{key}: []\n"
            yield from _items(value, f"{margin}  ")
        else:
            yield f"{margin}{key}: {_scalar(value)}\n"


def _scalar(value: Value) -> str:
    """A boolean, or a string in double quotes; one that Ansible would take for a template only where it is one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    unsafe = _TEMPLATE.search(text) and not text.startswith("{{ virt_warden_")
    return ("!unsafe " if unsafe else "") + json.dumps(text)
