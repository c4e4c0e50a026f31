"""All that the linter can say: each remark's id, its weight, and why it matters."""

from __future__ import annotations

from virtwarden.ruleset.lint.remark import Remark, Weight

_STOPS = "the load stops here, and no line behind it is loaded"
_SAYINGS = {
    Weight.ERROR: {
        "refused": f"auditctl refuses the line ({{0}}): {_STOPS}",
        "torn": f"{{0}}: auditctl refuses the line, {_STOPS}",
        "duplicate": f"the rule stands in {{0}} already (Rule exists): {_STOPS}",
        "directory-missing": f"{{0}} does not exist: {_STOPS}",
        "misspelt-path": f"the directory is sasl2, with an l: {_STOPS}",
        "type-without-selinux": (
            "{0} loads and never matches here, with = and with !=, for this host does not run SELinux; leave "
            "daily work out by a rule before it: -a never,exit … -F exe=PROGRAM -F auid=unset"
        ),
        "never-too-late": "{0} matches first, so this exception comes too late: exceptions stand before all rules",
        "shadowed": (
            "{0} matches first whatever this one asks for, so it never matches: what is narrower stands first"
        ),
        "lock-not-last": "the kernel takes no rule after -e 2: it belongs at the end of the last file",
        "deletes-rules": "it takes away the rules that stand before it",
    },
    Weight.WARNING: {
        "cross-domain": (
            "no file has the type of a process, so this records every opening and every change by every "
            "guest; what a guest reaches for beyond its own is refused by SELinux and on record as AVC"
        ),
        "image-type": (
            "the image of a guest that runs is svirt_image_t, which this misses, and without a path it is "
            "asked at every system call: watch the directories of the images"
        ),
        "images-by-libvirt": (
            "libvirt itself changes owner and label of an image at each start and stop of its guest, and that "
            "is recorded"
        ),
        "every-call": (
            "it names no path, program or system call, so it is asked at every system call of every process"
        ),
        "no-such-device": "kernels have no {0} any more",
        "dead-type": "nothing runs as initrc_t where systemd starts services",
        "cache-by-daemon": "the daemon writes the cache, not the guests, so that every normal write is recorded",
        "qemu-type": (
            "qemu_t is an alias of svirt_t in Fedora's and Red Hat's policy alone; elsewhere it is unknown, "
            "and the rule never matches. Guests without KVM run as svirt_tcg_t"
        ),
        "modular-daemons": (
            "virtd_t is libvirtd alone, and the daemons of this host run as types of their own, virtqemud_t, "
            "virtstoraged_t …"
        ),
        "made-at-boot": (
            "every boot makes {0} anew, after the rules are loaded: the load stops at a directory that does "
            "not exist, and no line behind it is loaded. Watched by its name it loads"
        ),
        "no-perm": "without perm any system call that names the file is recorded, a look at its size too",
        "exception-for-all": (
            "anybody may run that program, and is then not recorded; daemons are told by auid=unset"
        ),
        "call-without-arch": (
            "the numbers of system calls differ between 64-bit and 32-bit programs: without arch, others are "
            "recorded than are named"
        ),
        "no-twin": "what {0}-bit programs do is not recorded: a rule with arch=b{0} belongs beside it",
        "emulator-missing": "/usr/libexec/qemu-kvm is not here; here it is {0}",
    },
    Weight.NOTE: {
        "one-daemon": (
            "virtd_t is libvirtd; with a daemon a driver they run as virtqemud_t, virtproxyd_t, "
            "virtstoraged_t …, and a type that the policy does not have makes a rule that never matches"
        ),
        "guest-type": "guests without KVM run as svirt_tcg_t",
        "type-to-verify": (
            "whether the policy has {0} cannot be told from here; rules that name a type that it does not have load "
            "and never match, with = and with !=. Where setools is installed, seinfo -t TYPE tells"
        ),
        "old-path": "/var/run is a link to /run",
        "no-arch": "without arch the rule is asked at every system call",
        "old-watch": "a watch has no arch and is asked at every system call; auditctl 4 says so when it loads one",
        "list-order": "auditctl lists actions first, always,exit; written so, files and listings compare by eye",
        "trailing-slash": (
            "auditctl keeps the slash at the end, and takes the rule out again only if it is written with it"
        ),
        "no-key": "without a key its records are not found by ausearch -k",
        "repeated": "the rule stands in {0} already and is left out",
        "left-out": "{0} does not exist, and the rule is left out",
        "gap": "no rule watches {0}, which hold keys and certificates too",
        "emulator-elsewhere": "/usr/libexec/qemu-kvm is Red Hat's; {0}",
    },
}
WEIGHTS = {id_: weight for weight, sayings in _SAYINGS.items() for id_ in sayings}
"""Every id with its weight."""
_DROPPED = ("duplicate", "repeated", "directory-missing", "left-out", "cross-domain", "no-such-device", "deletes-rules",
            "lock-not-last")  # fmt: skip


def remark(id_: str, *of: str, drops: bool | None = None) -> Remark:
    """A remark in words; `of` is what it speaks of."""
    weight = WEIGHTS[id_]
    return Remark(id_, weight, _SAYINGS[weight][id_].format(*of), of, id_ in _DROPPED if drops is None else drops)
