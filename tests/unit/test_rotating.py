"""The steps by which certificates in use are replaced, on a host that is seen through each change in turn."""

from __future__ import annotations

from collections.abc import Mapping

from tests.certs import Authority
from tests.changedhost import ChangedHost
from tests.kit import Made
from virtwarden.edits import CopyOf, Replace
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Host
from virtwarden.placing import host_placements
from virtwarden.rotating import Step, changes_of, next_step

OLD, NEW = Authority("O=Example,CN=old"), Authority("O=Example,CN=new")
POLICY = Policy(remote=Remote(certificates="/root/new"))
LIBVIRT = Libvirt(frozenset({"libvirtd"}), modular=False)
CA, CRL = "/etc/pki/CA/cacert.pem", "/etc/pki/CA/cacrl.pem"


def offered(authority: Authority, crl: str | None = None) -> dict[str, str]:
    server = authority.issue()
    files = {"cacert": authority.pem, "servercert": server.pem, "serverkey": server.key_pem}
    return {f"/root/new/{name}.pem": text for name, text in ({**files, "cacrl": crl} if crl else files).items()}


def in_place(authority: Authority, crl: str | None = None) -> dict[str, str]:
    server = authority.issue()
    found = {
        CA: authority.pem,
        "/etc/pki/libvirt/servercert.pem": server.pem,
        "/etc/pki/libvirt/private/serverkey.pem": server.key_pem,
    }
    return {**found, CRL: crl} if crl else found


def steps(files: Mapping[str, str]) -> list[tuple[Step, dict[str, str]]]:
    """Each step with what the host's files are after it, until nothing is left to do."""
    now = dict(files)
    done: list[tuple[Step, dict[str, str]]] = []
    while True:
        host = Host(ChangedHost(Made(files), {**now}), POLICY, LIBVIRT)
        placed = host_placements(host)
        step = next_step(host, placed)
        if step is Step.NOTHING:
            return done
        assert len(done) < 4, "it comes to no end"
        for change in changes_of(host, step, placed):
            if isinstance(change.edit, CopyOf):
                now[change.document.name] = now[change.edit.source]
            elif isinstance(change.edit, Replace):
                now[change.document.name] = change.edit.text or ""
        done.append((step, dict(now)))


def test_with_the_same_authority_new_leaves_are_placed_at_once() -> None:
    assert [step for step, _ in steps({**in_place(OLD), **offered(OLD)})] == [Step.LEAVES]


def test_a_new_authority_is_trusted_first_and_the_old_one_last() -> None:
    found = steps({**in_place(OLD), **offered(NEW)})
    assert [step for step, _ in found] == [Step.TRUST, Step.LEAVES, Step.FINISH]
    trusted = [files[CA] for _, files in found]
    assert trusted == [OLD.pem + NEW.pem, OLD.pem + NEW.pem, NEW.pem]
    leaves = [files["/etc/pki/libvirt/servercert.pem"] == files["/root/new/servercert.pem"] for _, files in found]
    assert leaves == [False, True, True]


def test_what_the_old_authority_revoked_stays_revoked_as_long_as_it_is_trusted() -> None:
    old, new = OLD.revocations(), NEW.revocations()
    found = steps({**in_place(OLD, old), **offered(NEW, new)})
    assert [files[CRL] for _, files in found] == [old + new, old + new, new]


def test_a_newer_list_takes_the_place_of_the_older_of_its_authority() -> None:
    old, new = OLD.revocations(), OLD.revocations(days=60)
    ((step, files),) = steps({**in_place(OLD, old), **offered(OLD, new)})
    assert step is Step.LEAVES
    assert files[CRL] == new


def test_a_host_without_any_is_given_all_of_them() -> None:
    found = steps({**offered(NEW, NEW.revocations()), "/etc/libvirt/libvirtd.conf": ""})
    assert found[-1][1][CA] == NEW.pem
    assert found[-1][1]["/etc/pki/libvirt/private/serverkey.pem"] == found[-1][1]["/root/new/serverkey.pem"]


def test_what_is_in_place_needs_no_step() -> None:
    files = offered(NEW)
    placed = dict(zip(in_place(NEW), files.values(), strict=True))
    assert steps({**files, **placed}) == []
