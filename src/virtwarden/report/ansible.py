"""A plan as an Ansible playbook: it reaches the state that `virt-warden apply` reaches, with built-in modules alone.

It stops at a document that is neither as it was planned for nor as it is to be, and a second run changes nothing. No
secret of the host stands in it, and none is shown by a run of it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from posixpath import dirname

import yaml

from virtwarden.difference import redacted_lines
from virtwarden.edits import CopyOf, SetMode, SetState
from virtwarden.model import Activation, Plan, Rewrite
from virtwarden.places import new_mode
from virtwarden.plan import checksum, text_after
from virtwarden.report.hunks import Hunk, NotExportable, Texts, hunks
from virtwarden.report.visible import visible

Value = str | bool | Sequence["Value"] | dict[str, "Value"]
Task = dict[str, Value]


class _Template(str):
    """A text that Ansible is to work out; of all others it is told to take them as they stand."""

    __slots__ = ()


_MARKS, _FOUND, _MARK, _TEXT, _EDITS = (
    f"virt_warden_{name}" for name in ("marks", "found", "mark", "text", "edits")
)
_CHECKSUM = f"{_FOUND}.stat.checksum | default('absent')"
_VIRSH = ("virsh", "--quiet", "--connect", "qemu:///system")
_TEMPLATE = re.compile(r"\{[{%#]")
_NO_TEXT = re.compile("[\ud800-\udfff]")
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
            tasks += _notifying(rewrite, [_writable(task) for task in _tasks(rewrite, texts)])
        except NotExportable as wrong:
            left.append(f"{rewrite.document}: {wrong}; virt-warden apply can change it")
    handlers = list({str(task["name"]): task for each in plan.activations for task in _handlers(each)}.values())
    play: Task = {
        "name": f"Harden {visible(plan.host)}",
        "hosts": "all",
        "become": True,
        "vars": {_MARKS: "/var/lib/virt-warden/exported"},
        "gather_facts": any(each.verb == "grub" for each in plan.activations),
        "tasks": tasks,
        **({"handlers": handlers} if handlers else {}),
    }
    return "".join(("---\n# yamllint disable rule:line-length\n", *_comments(plan, left), _written(play)))


def _written(play: Task) -> str:
    return yaml.dump([play], Dumper=_Yaml, default_flow_style=False, sort_keys=False, width=math.inf)


def _comments(plan: Plan, left: Sequence[str]) -> Iterator[str]:
    yield f"# Made by virt-warden {plan.version} for {visible(plan.host)}, profile {visible(plan.profile)}.\n"
    for line in left:
        yield f"# Not in this playbook: {visible(line)}\n"
    if plan.unfixed:
        yield f"# {len(plan.unfixed)} findings are left to a person: virt-warden plan lists them.\n"


def _notifying(rewrite: Rewrite, tasks: list[Task]) -> list[Task]:
    names = [str(handler["name"]) for each in rewrite.activations for handler in _handlers(each)]
    idle = {"register", "ansible.builtin.assert"}
    return [task if not names or idle & task.keys() else {**task, "notify": names} for task in tasks]


def _tasks(rewrite: Rewrite, texts: Texts) -> Iterator[Task]:
    """The tasks of one document. Raises `NotExportable`."""
    kind = rewrite.document.kind
    if kind in ("file", "boot"):
        yield from _file(rewrite, texts)
    elif kind == "directory":
        for edit in rewrite.edits:
            if isinstance(edit, SetMode):
                made: dict[str, Value] = {**_mode(rewrite.path, edit), "state": "directory"}
                yield {"name": _title(rewrite), "ansible.builtin.file": made}
    elif kind in ("domain", "nwfilter"):
        yield from _of_libvirt(rewrite, texts)
    else:
        wanted = [edit.state for edit in rewrite.edits if isinstance(edit, SetState)]
        yield from _state(rewrite, wanted[-1])


def _writable(task: Task) -> Task:
    """The task, where YAML can hold all of it. Raises `NotExportable`."""
    if _NO_TEXT.search("".join(_texts_of(task))):
        raise NotExportable("it holds bytes that are no text")
    return task


def _texts_of(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts_of(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts_of(each)


def _title(rewrite: Rewrite) -> str:
    return f"Have {visible(str(rewrite.document))} meet {', '.join(rewrite.controls)}"


def _file(rewrite: Rewrite, texts: Texts) -> Iterator[Task]:
    path, title = rewrite.path, _title(rewrite)
    textual = any(not isinstance(edit, CopyOf | SetMode) for edit in rewrite.edits)
    before = texts(path) if textual else None
    after = text_after(rewrite, before)
    for edit in rewrite.edits:
        if isinstance(edit, CopyOf):
            yield _copy(title, path, edit)
    if before != after:
        yield _looked_at(path)
        yield _as_planned(path, before, f"in {json.dumps([checksum(before), checksum(after)])}")
    if before != after and after is None:
        yield {"name": title, "ansible.builtin.file": {"path": path, "state": "absent"}}
    elif before is None and after is not None:
        if not dirname(path).endswith(_THERE):
            directory: dict[str, Value] = {"path": dirname(path), "state": "directory", "mode": "0755"}
            yield {"name": f"Have the directory of {visible(path)}", "ansible.builtin.file": directory}
        copied: dict[str, Value] = {"dest": path, "content": after, "mode": f"{new_mode(path):04o}"}
        yield {"name": title, "ansible.builtin.copy": copied}
    elif before is not None and after is not None:
        hides: Task = {"diff": False} if _is_not_for_show(path, before) else {}
        for hunk in hunks(path, before, after):
            wanted: dict[str, Value] = {"path": path, **_replacement(hunk)}
            yield {"name": title, "ansible.builtin.replace": wanted, **hides}
    for edit in rewrite.edits:
        if isinstance(edit, SetMode):
            yield {"name": title, "ansible.builtin.file": _mode(path, edit)}


def _is_not_for_show(path: str, text: str) -> bool:
    """Whether a text holds a secret, or bytes that Ansible could not show."""
    return redacted_lines(path, text) != text.splitlines(keepends=True) or _NO_TEXT.search(text) is not None


def _replacement(hunk: Hunk) -> dict[str, Value]:
    """The hunk, with bytes that are no text spelled as Python's regular expressions understand them."""
    pattern = _NO_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", hunk.pattern)
    return {"regexp": pattern, "replace": hunk.replacement}


def _looked_at(path: str, variable: str = _FOUND) -> Task:
    looking: dict[str, Value] = {"path": path, "checksum_algorithm": "sha256", "follow": True}
    return {"name": f"Look at {visible(path)}", "ansible.builtin.stat": looking, "register": variable}


def _as_planned(path: str, before: str | None, accepted: str) -> Task:
    """Stop where a file is neither as it was planned for nor as it is to be."""
    was = "is there already" if before is None else "was changed since this playbook was made"
    return {
        "name": f"Have {visible(path)} as it was planned for",
        "ansible.builtin.assert": {
            "that": [f"{_CHECKSUM} {accepted}"],
            "fail_msg": f"{visible(path)} {was}",
            "quiet": True,
        },
    }


def _copy(title: str, path: str, edit: CopyOf) -> Task:
    """From file to file on the host itself. Whether the source is still the one that was planned with is not seen."""
    wanted = _mode(path, edit)
    del wanted["path"]
    copied: dict[str, Value] = {"src": edit.source, "dest": path, "remote_src": True, **wanted}
    return {"name": title, "ansible.builtin.copy": copied, "diff": False, "no_log": True}


def _mode(path: str, edit: CopyOf | SetMode) -> dict[str, Value]:
    wanted: dict[str, Value] = {"path": path}
    if edit.mode is not None:
        wanted["mode"] = f"{edit.mode:04o}"
    names = (("owner", edit.owner), ("group", edit.group))
    wanted |= {key: value for key, value in names if value is not None}
    if edit.label is not None:
        wanted |= zip(("seuser", "serole", "setype", "selevel"), edit.label.split(":", 3), strict=False)
    return wanted


def _of_libvirt(rewrite: Rewrite, texts: Texts) -> Iterator[Task]:
    """Edit the file that libvirt keeps in memory, secrets included, and define it anew. libvirt writes it in its own
    spelling, whose sum is noted on the host, so that a second run knows it again."""
    path = rewrite.path
    command = "define" if rewrite.document.kind == "domain" else "nwfilter-define"
    before = texts(path) or ""
    edits = [_replacement(hunk) for hunk in hunks(path, before, text_after(rewrite, before) or "")]
    edited = " | ".join((f"{_TEXT}.content", "b64decode", *(_filter(number) for number in range(len(edits)))))
    mark = _Template(f"{{{{ {_MARKS} }}}}/{checksum(before)}")
    wanted: Task = {"when": f"{_CHECKSUM} == {json.dumps(checksum(before))}"}
    reading: Task = {"changed_when": False, "no_log": True}
    yield _looked_at(path)
    yield {
        "name": f"See whether {visible(str(rewrite.document))} was changed by a run before",
        "ansible.builtin.slurp": {"src": mark},
        "register": _MARK,
        "failed_when": False,
    }
    done = f"({_MARK}.content | default('') | b64decode | trim)"
    yield _as_planned(path, before, f"in [{json.dumps(checksum(before))}, {done}]")
    yield {
        "name": f"Read {visible(str(rewrite.document))}",
        "ansible.builtin.slurp": {"src": path},
        "register": _TEXT,
        **reading,
        **wanted,
    }
    yield {
        "name": _title(rewrite),
        "ansible.builtin.command": {
            "argv": [*_VIRSH, command, "--file", "/dev/stdin"],
            "stdin": _Template(f"{{{{ {edited} }}}}"),
        },
        "vars": {_EDITS: edits},
        "changed_when": True,
        "no_log": True,
        **wanted,
    }
    yield {**_looked_at(path, _TEXT), **wanted}
    yield {
        "name": "Have a directory for what was changed",
        "ansible.builtin.file": {"path": _Template(f"{{{{ {_MARKS} }}}}"), "state": "directory", "mode": "0700"},
        **wanted,
    }
    sum_now = _Template(f"{{{{ {_TEXT}.stat.checksum }}}}\n")
    yield {
        "name": f"Note what libvirt made of {visible(str(rewrite.document))}",
        "ansible.builtin.copy": {"dest": mark, "content": sum_now, "mode": "0600"},
        **wanted,
    }


def _filter(number: int) -> str:
    return f"regex_replace({_EDITS}[{number}].regexp, {_EDITS}[{number}].replace)"


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
    """What takes the change; a running guest's interfaces are left to its next start. What does not run is left
    alone: it takes its files when it starts."""
    name, verb, what = f"Handle {visible(str(activation))}", activation.verb, activation.what
    if verb in ("restart", "reload"):
        service: dict[str, Value] = {"name": what, "state": f"{verb}ed"}
        yield _RUNNING
        yield {"name": name, "ansible.builtin.service": service, "when": _runs(what)}
    elif verb == "firewalld":
        yield _RUNNING
        yield {**_command(name, ("firewall-cmd", "--reload")), "when": _runs(verb)}
    elif verb == "daemon-reload":
        yield {"name": name, "ansible.builtin.systemd_service": {"daemon_reload": True}}
    elif verb == "grub":
        debian, other = "ansible_facts['os_family'] == 'Debian'", "ansible_facts['os_family'] != 'Debian'"
        yield {**_command(f"{name} on Debian", ("update-grub",)), "when": debian}
        yield {**_command(f"{name} elsewhere", ("grub2-mkconfig", "-o", "/boot/grub2/grub.cfg")), "when": other}
    elif verb == "sysctl":
        yield _command(name, ("sysctl", "--ignore", "--quiet", "--write", what))
    elif verb == "update-tls":  # to have it read them alone would take it down while a client comes
        restarted: dict[str, Value] = {"name": what, "state": "restarted"}
        yield _RUNNING
        yield {"name": name, "ansible.builtin.service": restarted, "when": _runs(what)}
    elif verb == "reload-displays":
        yield {
            "name": name,
            "ansible.builtin.shell": f"virsh -q list --name | xargs -r -n 1 virsh domdisplay-reload --type {what}",
            "changed_when": True,
            "failed_when": False,
        }
    elif verb == "restorecon":
        yield _command(name, ("restorecon", "-R", what), "/sys/fs/selinux/booleans")
    else:
        needed, commands = _COMMANDS[verb]
        for number, argv in enumerate(commands, 1):
            yield _command(name if number == 1 else f"{name}, part {number}", argv, needed)


_COMMANDS = {
    "audit-rules": ("/etc/audit/rules.d", (("augenrules", "--load"),)),
    "udev": ("/run/udev", (("udevadm", "control", "--reload"), ("udevadm", "trigger", "--name-match=kvm"))),
    "ufw": ("/etc/ufw/ufw.conf", (("ufw", "reload"),)),
    "nft": ("/etc/virt-warden/management.nft", (("nft", "-f", "/etc/virt-warden/management.nft"),)),
    "exports": ("/proc/fs/nfsd/exports", (("exportfs", "-ra"),)),
    "apparmor": (
        "/sys/kernel/security/apparmor/profiles",
        (("apparmor_parser", "--replace", "--write-cache", "/etc/apparmor.d"),),
    ),
}
"""What has to be there for these to make sense, and the commands."""

_RUNNING: Task = {"name": "See what runs", "ansible.builtin.service_facts": {}}


def _runs(service: str) -> str:
    """Whether a service runs, by what `service_facts` says of it."""
    names = json.dumps([f"{service}.service", service])
    states = f"{names} | map('extract', ansible_facts['services'] | default({{}})) | select('defined')"
    return f"'running' in ({states} | map(attribute='state') | list)"


def _command(name: str, argv: Sequence[str], needed: str = "") -> Task:
    """A command that is left out where the file is not there that it needs."""
    called: dict[str, Value] = {"argv": list(argv), **({"removes": needed} if needed else {})}
    return {"name": name, "ansible.builtin.command": called, "changed_when": True}


class _Yaml(yaml.SafeDumper):
    """Block style, with the entries of a sequence indented, as ansible-lint wants it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent sequences, too."""
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Write what stands in two places twice."""
        return True


def _scalar(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """A string; one that Ansible would take for a template only where it is one."""
    unsafe = _TEMPLATE.search(text) is not None and not isinstance(text, _Template)
    quoted = unsafe or isinstance(text, _Template) or not text.isprintable()
    tag = "!unsafe" if unsafe else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, str(text), style='"' if quoted else None)


_Yaml.add_representer(str, _scalar)
_Yaml.add_representer(_Template, _scalar)
