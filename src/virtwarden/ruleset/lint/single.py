"""What can be said of one rule by itself. Each check gives its remark and the rule as it should be.

Source of what is said of the kernel: auditctl(8), and rules loaded into kernels of 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from virtwarden.formats.auditfields import Field
from virtwarden.formats.auditrules import Rule
from virtwarden.ruleset.lint.draft import Draft, of_rule
from virtwarden.ruleset.lint.remark import Around, Remark
from virtwarden.ruleset.lint.sayings import remark

Drafts = tuple[Draft, ...]
Said = tuple[Remark, Drafts]
Check = Callable[[Rule, Draft, Around], Iterator[Said]]

_GUESTS = ("svirt_t", "svirt_tcg_t")
_DAEMONS = ("virtd_t", "virtqemud_t")
_GONE: Drafts = ()
OLD_EMULATOR = "/usr/libexec/qemu-kvm"
MISSPELT = "/etc/sas12/"
_IMAGES = "/var/lib/libvirt/images"
_CACHE = "/var/cache/libvirt"
_LABELS = ("subj_type", "obj_type", "subj_user", "obj_user", "obj_role", "obj_lev_low", "obj_lev_high")
_UNSET = Field("auid", "=", "unset")


def remarks_on(rule: Rule, around: Around) -> tuple[tuple[Remark, ...], Drafts]:
    """All remarks on one rule, and what should stand in its place; nothing where it should go."""
    said: list[Remark] = []
    drafts: Drafts = (of_rule(rule, around),)
    for check in _CHECKS:
        after: list[Draft] = []
        for draft in drafts:
            found = next(check(rule, draft, around), None)
            if found is None:
                after.append(draft)
                continue
            if found[0] not in said:
                said.append(found[0])
            after += found[1]
        drafts = tuple(after)
    return tuple(said), drafts


def _types(*names: str) -> tuple[Field, ...]:
    return tuple(Field("subj_type", "!=", name) for name in names)


def _cross_domain(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    if draft.action == "always" and draft.target is None and draft.excluded("obj_type"):
        yield remark("cross-domain"), _GONE


def _image_type(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    if draft.target is None and draft.value("obj_type") == "virt_image_t":
        gone = [each for each in draft.conditions if each.name == "obj_type"]
        yield remark("image-type"), (draft.without(*gone).at("dir", _IMAGES),)


def _every_call(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    narrow = draft.target or draft.value("exe") or draft.value("inode") or draft.syscalls != ("all",)
    if draft.action == "always" and draft.on == "exit" and not narrow:
        yield remark("every-call"), (draft,)


def _no_device(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    if draft.target == "/dev/ksm":
        yield remark("no-such-device", "/dev/ksm"), _GONE


def _no_emulator(_rule: Rule, draft: Draft, around: Around) -> Iterator[Said]:
    if draft.target == OLD_EMULATOR and around.emulators and OLD_EMULATOR not in around.emulators:
        here = tuple(draft.at("path", each) for each in around.emulators)
        yield remark("emulator-missing", ", ".join(around.emulators)), here


def _dead_type(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    dead = [each for each in draft.conditions if each.name == "subj_type" and each.value == "initrc_t"]
    if dead:
        positive = any(each.operator == "=" for each in dead)
        yield (
            remark("dead-type", drops=positive),
            _GONE if positive else (draft.without(*dead),),
        )


def _cache(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    ours = [each for each in draft.conditions if each in _types("qemu_t", *_GUESTS)]
    if (
        draft.action == "always"
        and draft.target == _CACHE
        and ours
        and "virtd_t" not in draft.excluded("subj_type")
    ):
        yield remark("cache-by-daemon"), (draft.without(*ours).having(*_types("virtd_t")),)


def _guest_type(_rule: Rule, draft: Draft, around: Around) -> Iterator[Said]:
    """`qemu_t`, and one of a guest's two types without the other."""
    old = next((each for each in draft.conditions if each.name == "subj_type" and each.value == "qemu_t"), None)
    known = [name for name in _GUESTS if name in around.types] or list(_GUESTS)
    if old is not None:
        said = remark("qemu-type")
        bare = draft.without(old)
        if old.operator == "!=":
            yield said, (bare.having(*_types(*known)),)
        else:
            yield said, tuple(bare.having(Field("subj_type", "=", name)) for name in known)
    elif "svirt_t" in draft.excluded("subj_type") and not draft.excluded("subj_type") >= set(known):
        yield remark("guest-type"), (draft.having(*_types(*known)),)


def _images_by_libvirt(_rule: Rule, draft: Draft, around: Around) -> Iterator[Said]:
    left_out = draft.excluded("subj_type")
    if draft.action == "always" and draft.target == _IMAGES and left_out and not left_out & set(_DAEMONS):
        names = [name for name in _DAEMONS if name in around.types] or [
            "virtqemud_t" if around.modular else "virtd_t"
        ]
        yield remark("images-by-libvirt"), (draft.having(*_types(*names)),)


def _one_daemon(_rule: Rule, draft: Draft, around: Around) -> Iterator[Said]:
    if draft.excluded("subj_type") & {"virtd_t"} and around.modular is not False:
        known = around.modular and "virtqemud_t" in around.types
        if not known or "virtqemud_t" not in draft.excluded("subj_type"):
            more = _types("virtqemud_t") if known else ()
            yield remark("modular-daemons" if around.modular else "one-daemon"), (draft.having(*more),)


def _no_selinux(_rule: Rule, draft: Draft, around: Around) -> Iterator[Said]:
    labels = [each for each in draft.conditions if each.name in _LABELS]
    if labels and around.lsm in ("apparmor", "none"):
        positive = any(each.operator == "=" for each in labels)
        said = remark("type-without-selinux", labels[0].name, drops=positive)
        yield said, _GONE if positive else (draft.without(*labels),)


def _misspelt(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    target = draft.target or ""
    if target.startswith(MISSPELT):
        kind = "dir" if draft.value("dir") else "path"
        right = target.replace(MISSPELT, "/etc/sasl2/", 1)
        yield remark("misspelt-path"), (draft.at(kind, right),)


def _old_run(_rule: Rule, draft: Draft, around: Around) -> Iterator[Said]:
    target = draft.target or ""
    if target.startswith("/var/run/") and not around.before_rules_d:
        kind = "dir" if draft.value("dir") else "path"
        yield remark("old-path"), (draft.at(kind, target.removeprefix("/var")),)


def _made_at_boot(_rule: Rule, draft: Draft, around: Around) -> Iterator[Said]:
    place = draft.value("dir") or ""
    if place.startswith("/run/") and not around.before_rules_d:
        said = remark("made-at-boot", place, drops=draft.action == "never")
        by_name = draft.at("path", "/".join(place.split("/")[:3]))
        yield said, _GONE if draft.action == "never" else (by_name,)


def _no_perm(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    plain = draft.action == "always" and draft.target and draft.syscalls == ("all",)
    if plain and draft.value("perm") is None:
        if re.search(r"key\.pem\Z", draft.target or ""):
            whoever = tuple(each for each in draft.conditions if each.name == "subj_type")
            reads = draft.having(Field("perm", "=", "r"))
            changes = draft.without(*whoever).having(Field("perm", "=", "wa"))
            yield remark("no-perm"), (reads, changes)
        else:
            yield remark("no-perm"), (draft.having(Field("perm", "=", "wa")),)


def _logged_out(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    if draft.action == "never" and draft.value("exe") and _UNSET not in draft.conditions:
        yield remark("exception-for-all"), (draft.having(_UNSET),)


def _no_arch(rule: Rule, draft: Draft, around: Around) -> Iterator[Said]:
    if draft.arch is None and draft.on == "exit":
        drafts = tuple(replace(draft, arch=arch) for arch in around.arches)
        if rule.syscalls != ("all",):
            yield remark("call-without-arch"), drafts
        elif rule.text.lstrip().startswith("-w"):
            yield remark("old-watch"), drafts
        else:
            yield remark("no-arch"), drafts


def _list_order(rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    if re.search(r"\b(?:exit|task|exclude|filesystem|user),(?:always|never)\b", rule.text):
        yield remark("list-order"), (draft,)


def _trailing_slash(rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    if re.search(r"(?:dir=|-w\s*)/\S*/(?:\s|$)", rule.text):
        yield remark("trailing-slash"), (draft,)


def _no_key(_rule: Rule, draft: Draft, _around: Around) -> Iterator[Said]:
    if draft.action == "always" and draft.on == "exit" and not draft.keys:
        yield remark("no-key"), (draft,)


_CHECKS: tuple[Check, ...] = (
    _cross_domain, _image_type, _every_call, _no_device, _no_emulator, _dead_type, _misspelt, _old_run, _made_at_boot,
    _cache, _guest_type, _images_by_libvirt, _one_daemon, _no_selinux, _no_perm, _logged_out, _no_arch, _list_order,
    _trailing_slash, _no_key,
)  # fmt: skip
