"""The PKI of the whole host, for `pki verify`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from virtwarden.cli import UsageError
from virtwarden.cli.pki.found import Found, limits
from virtwarden.facts.daemon_conf import DaemonConfs
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.pki import LooseKeys, Pki, PkiFile
from virtwarden.host import Absent, Host, Source, Unknown
from virtwarden.pki.verify.faults import Fault, Weight
from virtwarden.pki.verify.files import is_authoritys_key
from virtwarden.pki.verify.keysbeside import KeysBeside
from virtwarden.pki.verify.patterns import faults as pattern_faults


def whole_host(source: Source, chosen: argparse.Namespace) -> Found:
    """All of libvirt's and QEMU's files, keys that were left behind, and the daemons' lists of clients. Raises
    `UsageError` where there is nothing."""

    host = Host(source)
    try:
        pki, loose = host.get(Pki), host.get(LooseKeys)
    except (Absent, Unknown) as refused:
        raise UsageError(f"{refused}; name the files or folders to judge") from None
    if not pki.files and not pki.refused:
        raise UsageError(
            "there are no certificates in libvirt's and QEMU's places; name the files or folders to judge"
        )
    faults = [
        Fault("not-read", each.text, Weight.UNKNOWN, each.path or "") for each in (*pki.refused, *loose.refused)
    ]
    return Found(
        pki.files,
        limits(chosen, host.get(Libvirt).version),
        (*faults, *_loose(pki, loose.files), *_listed(host, pki), *_without_list(pki)),
        pki.qemu_users,
        pki.qemu_groups,
        keys=KeysBeside.OPTIONAL if pki.refused else KeysBeside.EXPECTED,
    )


def _loose(pki: Pki, files: Sequence[PkiFile]) -> Iterator[Fault]:
    """Keys of the authority that were left behind outside of the PKI's places."""
    authorities = {certificate.key_id for _, certificate in pki.authorities()}
    known = {file.path for file in pki.files}
    for file in files:
        if file.path not in known and is_authoritys_key(file, authorities):
            yield Fault("authority-key", "the private key of the authority lies on the host", file=file.path)


def _listed(host: Host, pki: Pki) -> Iterator[Fault]:
    """What the daemons' lists of clients let in."""
    servers = dict.fromkeys(each.subject for file in pki.of("server") for _, each in file.certificates[:1])
    with suppress(Absent):
        try:
            confs = host.get(DaemonConfs).confs.values()
        except Unknown as refused:
            yield Fault("not-read", str(refused), Weight.UNKNOWN, "/etc/libvirt/libvirtd.conf")
            return
        for conf in confs:
            for pattern in conf.tls_allowed_dn_list or ():
                line = conf.cite("tls_allowed_dn_list").line or 0
                for fault in pattern_faults(pattern, servers):
                    yield replace(fault, message=f"{pattern}: {fault.message}", file=conf.path, line=line)


def _without_list(pki: Pki) -> Iterator[Fault]:
    """libvirt's server without a revocation list."""
    server = next((file for file in pki.of("server") if file.holder == "libvirt"), None)
    if server is not None and not any(file.holder == "libvirt" for file in pki.of("revocation")):
        yield Fault("no-list", "there is no revocation list at /etc/pki/CA/cacrl.pem", file=server.path)
