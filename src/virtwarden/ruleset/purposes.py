"""What each of the blueprint's keys is for, and what its rules may cost, in words that stand beside the rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a key's records tell, how many to expect, and why so many."""

    what: str
    rate: str
    why: str

    @property
    def cost(self) -> str:
        """The rate with its reason, as a sentence."""
        return f"{self.rate}: {self.why}."


PURPOSES = {
    "virt_tls_privkey": Purpose(
        "reads of private keys by anybody but the program that serves with them",
        "next to none",
        "the daily reader is left out; a record is a copy being made, or a key being renewed",
    ),
    "virt_tls_cert": Purpose(
        "changes of certificates and authorities, libvirt's and QEMU's",
        "next to none",
        "certificates are renewed a few times a year",
    ),
    "virt_secret": Purpose(
        "any touch of libvirt's secrets by anybody but the daemon that keeps them",
        "next to none",
        "backups that read the directory are recorded too, once a file",
    ),
    "virt_libvirt_cfg": Purpose(
        "changes of libvirt's settings, guests, networks and filters, and of who may use it",
        "under one a minute",
        "libvirt writes a file at each define, start and change of a guest; nothing while guests just run",
    ),
    "virt_image_change": Purpose(
        "changes of guests' images by anything but the emulators and libvirt",
        "next to none",
        "opening for writing is recorded, not each write; backups and copies by hand give a few records each",
    ),
    "virt_runtime_change": Purpose(
        "changes of libvirt's state and cache by a person, past libvirt",
        "next to none",
        "daemons have no login (auid unset) and are not recorded",
    ),
    "virt_log_change": Purpose(
        "changes of the guests' logs by a person",
        "next to none",
        "rotation from cron gives some records a day where its SELinux type is not known",
    ),
    "virt_libvirtd_exec": Purpose(
        "starts of libvirt's daemons",
        "next to none",
        "a record a start; on hosts with socket activation a few an hour",
    ),
    "virt_libvirtd_change": Purpose(
        "changes of libvirt's daemons on disk", "next to none", "an update of the package gives a handful"
    ),
    "virt_qemu_manual": Purpose(
        "emulators started by a person, past libvirt, its labels and its limits",
        "next to none",
        "what libvirt starts has no login and falls to virt_qemu_exec",
    ),
    "virt_qemu_exec": Purpose(
        "every other start of an emulator",
        "one a guest's start",
        "with a few more when libvirt looks at what a new emulator can do",
    ),
    "virt_qemu_change": Purpose(
        "changes of the emulators on disk", "next to none", "an update of the package gives a handful"
    ),
    "virt_kvm_dev": Purpose(
        "use of /dev/kvm by a person, past libvirt", "next to none", "guests of libvirt have no login"
    ),
}

NEVER = Purpose(
    "exceptions that hold before every rule behind them, the site's own too",
    "none",
    "they save records; each costs a comparison at the system calls that its permissions stand for",
)


def purpose(key: str) -> Purpose:
    """What a key is for; of keys that are not the blueprint's, that it is the site's own."""
    return PURPOSES.get(key) or Purpose("a rule of the site's own", "not known", "see ausearch -k for its records")
