"""Our verdict on a case."""

from __future__ import annotations

from datetime import datetime

from tests.pki.cases import Case
from tests.pki.making import Issued
from virtwarden.formats import Malformed
from virtwarden.formats.certificate import certificate, revocation_list
from virtwarden.pki.verify.faults import Fault, Limits, Weight
from virtwarden.pki.verify.identity import Identity, Placed, PlacedList, judge, judge_authorities


def placed(issued: Issued, file: str) -> Placed:
    return Placed(file, 1, certificate(issued.pem))


def verdict(case: Case, now: datetime) -> tuple[Fault, ...]:
    """All faults of a case's files."""
    trusted = tuple(placed(each, "cacert.pem") for each in case.trusted)
    lists = (PlacedList("cacrl.pem", revocation_list(case.revoked)),) if case.revoked else ()
    end = "server" if case.role == "server" else "client"
    try:
        certificate(case.leaf.pem)
    except Malformed as wrong:
        return (Fault("unreadable", str(wrong), Weight.REFUSED, f"{end}cert.pem", 1),)
    chain = tuple(placed(each, f"{end}cert.pem") for each in case.chain)
    dialled = (case.dial,) if end == "server" else ()
    identity = Identity(end, chain, trusted, lists, dialled=dialled)  # type: ignore[arg-type]
    return (*judge(identity, now, Limits(libvirt=(9, 0, 0))), *judge_authorities(trusted, now, Limits()))


def refusals(faults: tuple[Fault, ...]) -> frozenset[str]:
    """The words of the faults for which libvirt refuses."""
    return frozenset(each.code for each in faults if each.weight is Weight.REFUSED)
