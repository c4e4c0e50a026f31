"""The rules of `pki verify`, each fault with its twin that has none; GnuTLS is the judge of names."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit import entry
from tests.pki import oracles
from tests.pki.cases import HOST, ROOT, alice, cases, good
from tests.pki.making import DAY, NOW, Issued, authority, issue, revocations, rsa_key
from tests.pki.verdicts import verdict
from virtwarden.formats.certificate import Certificate, RevocationList, certificate, revocation_list
from virtwarden.host import Stat
from virtwarden.pki.verify import files, names, patterns, revocation
from virtwarden.pki.verify.constraints import beyond
from virtwarden.pki.verify.faults import TODO, Fault, Limits, Weight
from virtwarden.pki.verify.identity import Identity, Placed, PlacedKey, judge
from virtwarden.pki.verify.keysbeside import KeysBeside
from virtwarden.pki.verify.sets import Asked, verify

KEY = rsa_key(2048)


@dataclass(frozen=True)
class Key:
    spki_sha256: str | None


@dataclass(frozen=True)
class File:
    """A file as a source would give it."""

    path: str
    role: str
    holder: str = "libvirt"
    stat: Stat = field(default_factory=lambda: entry("/x"))
    keys: tuple[Key, ...] = ()
    certificates: tuple[tuple[int, Certificate], ...] = ()
    revocations: tuple[RevocationList, ...] = ()
    problem: str = ""
    malformed: bool = False
    is_read: bool = True

    @property
    def directory(self) -> str:
        return self.path.rpartition("/")[0].removesuffix("/private")

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def key_id(issued: Issued) -> str:
    return certificate(issued.pem).key_id


def filed(path: str, role: str, *issued: Issued, **changed: object) -> File:
    held = tuple((line, certificate(each.pem)) for line, each in enumerate(issued, 1))
    return replace(File(path, role, certificates=held, stat=entry(path)), **changed)  # type: ignore[arg-type]


def key_of(path: str, issued: Issued, **changed: object) -> File:
    held = File(path, "key", keys=(Key(key_id(issued)),), stat=entry(path, mode=0o600))
    return replace(held, **changed)  # type: ignore[arg-type]


SERVER = good()
WHOLE = (
    filed("/etc/pki/CA/cacert.pem", "authority", ROOT),
    filed("/etc/pki/libvirt/servercert.pem", "server", SERVER),
    key_of("/etc/pki/libvirt/private/serverkey.pem", SERVER),
)


def codes(*held: File, **asked: object) -> list[tuple[str, str]]:
    found = verify(held, Asked(NOW, **asked))  # type: ignore[arg-type]
    return sorted((fault.code, fault.file.rpartition("/")[2]) for fault in found)


def test_a_sound_host_has_no_faults() -> None:
    assert codes(*WHOLE, dialled=(HOST,), qemu_users={"qemu"}) == []


def changed(place: int, **other: object) -> list[File]:
    held = list(WHOLE)
    held[place] = replace(held[place], **other)  # type: ignore[arg-type]
    return held


@pytest.mark.parametrize(
    ("place", "other", "code"),
    [
        (0, {"stat": entry("/a", mode=0o664)}, "writable"),
        (0, {"stat": entry("/a", links=2)}, "linked"),
        (1, {"stat": entry("/a", owner="qemu", uid=107)}, "qemus"),
        (1, {"stat": entry("/a", owner="joe", uid=1000)}, "not-roots"),
        (2, {"stat": entry("/a", mode=0o644)}, "open-key"),
        (2, {"stat": entry("/a", mode=0o640)}, "open-key"),
        (2, {"keys": (Key("other"),)}, "other-key"),
        (2, {"keys": (Key(None),)}, "unknown-key"),
        (2, {"keys": ()}, "unreadable"),
        (2, {"keys": (), "is_read": False, "problem": "permission denied"}, "not-read"),
        (1, {"certificates": (), "problem": "junk", "malformed": True}, "unreadable"),
        (1, {"certificates": (), "problem": "an algorithm"}, "unsupported"),
        (0, {"certificates": ()}, "unreadable"),
    ],
)  # fmt: skip
def test_each_fault_of_a_file_has_its_word(place: int, other: dict[str, object], code: str) -> None:
    assert code in [found for found, _ in codes(*changed(place, **other), qemu_users={"qemu"})]


def test_qemus_group_may_read_qemus_keys_alone() -> None:
    held = key_of("/etc/pki/qemu/server-key.pem", SERVER, holder="qemu")
    held = replace(held, stat=entry(held.path, mode=0o640, group="qemu", gid=107))
    assert not list(files.rights(held, {"qemu"}))
    assert [each.code for each in files.rights(replace(held, holder="libvirt"), {"qemu"})] == ["open-key"]


def test_a_key_that_libvirt_and_qemu_share_is_a_fault_of_both() -> None:
    twin = key_of("/etc/pki/qemu/server-key.pem", SERVER, holder="qemu")
    assert ("shared-key", "server-key.pem") in codes(*WHOLE, twin)
    other = key_of("/etc/pki/qemu/server-key.pem", good(), holder="qemu")
    assert not [code for code, _ in codes(*WHOLE, other) if code == "shared-key"]


def test_a_key_in_two_roles_is_a_fault_but_for_those_who_migrate() -> None:
    person = alice(key=SERVER.key)
    found = codes(*WHOLE, filed("/etc/pki/libvirt/clientcert.pem", "client", person))
    assert [name for code, name in found if code == "reused-key"] == ["clientcert.pem", "servercert.pem"]
    place = "/etc/pki/libvirt-migrate"
    both = good(purposes=("server", "client"))
    pair = [filed(f"{place}/{end}-cert.pem", end, both, holder="qemu") for end in ("server", "client")]
    keys = [key_of(f"{place}/{end}-key.pem", both, holder="qemu") for end in ("server", "client")]
    assert codes(*pair, *keys, filed(f"{place}/ca-cert.pem", "authority", ROOT, holder="qemu")) == []


def test_the_authoritys_key_beside_what_it_signs_is_a_fault() -> None:
    assert ("authority-key", "x.pem") in codes(*WHOLE, key_of("/etc/pki/CA/private/x.pem", ROOT))
    named = key_of("/etc/pki/CA/private/cakey.pem", ROOT, keys=(Key(None),))
    assert ("authority-key", "cakey.pem") in codes(*WHOLE, named)


def test_a_certificate_without_a_key_is_a_fault_where_one_is_expected() -> None:
    assert codes(*WHOLE[:2]) == [("no-key", "servercert.pem")]
    assert codes(*WHOLE[:2], keys=KeysBeside.OPTIONAL) == []


def test_an_authority_that_cannot_be_read_leaves_it_unknown() -> None:
    held = changed(0, certificates=(), is_read=False, problem="permission denied")
    assert {fault.weight for fault in verify(held, Asked(NOW))} == {Weight.UNKNOWN}
    without = WHOLE[1:]
    assert codes(*without) == [("no-authority", "servercert.pem")]


def test_a_serial_number_of_two_certificates_is_a_fault_of_both() -> None:
    one, other = good(serial=1 << 80), alice(serial=1 << 80)
    held = [filed("/d/servercert.pem", "server", one), filed("/d/clientcert.pem", "client", other)]
    found = codes(*held, filed("/d/cacert.pem", "authority", ROOT), keys=KeysBeside.OPTIONAL)
    assert found == [("repeated-serial", "clientcert.pem"), ("repeated-serial", "servercert.pem")]


def test_libvirt_from_11_6_on_does_without_key_encipherment() -> None:
    held = Placed("servercert.pem", 1, certificate(good(usage=(("digital_signature",), True)).pem))
    identity = Identity("server", (held,), (Placed("cacert.pem", 1, certificate(ROOT.pem)),))

    def found(version: tuple[int, ...] | None) -> list[str]:
        return [fault.code for fault in judge(identity, NOW, Limits(libvirt=version))]

    assert found((9, 0, 0)) == found(None) == ["no-encipherment"]
    assert found((11, 6, 0)) == []


def test_a_key_that_is_anothers_is_refused_and_an_encrypted_one_unknown() -> None:
    held = Placed("servercert.pem", 1, certificate(SERVER.pem))
    trusted = (Placed("cacert.pem", 1, certificate(ROOT.pem)),)

    def found(*ids: str) -> list[Fault]:
        return list(judge(Identity("server", (held,), trusted, key=PlacedKey("k", ids)), NOW, Limits()))

    assert found(held.certificate.key_id) == []
    assert [(each.code, each.weight) for each in found("other")] == [("other-key", Weight.REFUSED)]
    assert [(each.code, each.weight) for each in found()] == [("unknown-key", Weight.UNKNOWN)]


def test_lists_are_judged_by_date_and_issuer() -> None:
    held = certificate(ROOT.pem)

    def found(by: Issued = ROOT, **dates: object) -> list[str]:
        made = revocation_list(revocations(by, **dates))  # type: ignore[arg-type]
        return [each.code for each in revocation.of_list(made, [held], NOW)]

    assert found() == []
    assert found(starts=NOW - 9 * DAY, ends=NOW - DAY) == ["stale-list"]
    assert found(starts=NOW + DAY) == ["early-list"]
    assert found(authority()) == ["foreign-list"]


def test_patterns_that_let_a_server_in_are_a_fault() -> None:
    assert [each.code for each in patterns.faults("CN=kvm7", ["CN=kvm7"])] == ["server-listed"]
    assert [each.code for each in patterns.faults("CN=*", ["CN=kvm7"])] == ["wide-pattern", "server-listed"]
    assert not list(patterns.faults("CN=alice", ["CN=kvm7"]))


def test_every_fault_says_what_to_do_and_where() -> None:
    for case in cases():
        for fault in verdict(case, NOW):
            assert fault.code in TODO
            assert fault.todo
            assert fault.message
            assert fault.file.endswith(".pem")


def test_mail_names_are_kept_to_constraints_too() -> None:
    limit = x509.NameConstraints([x509.RFC822Name("example.org")], None)
    kept = certificate(authority(extra=[(limit, True)]).pem)
    names_ = [x509.SubjectAlternativeName([x509.RFC822Name(each)]) for each in ("a@example.org", "a@example.net")]
    inside, outside = (certificate(good(names=(), extra=[(each, False)]).pem) for each in names_)
    assert (list(beyond(kept, inside)), list(beyond(kept, outside))) == ([], ["a@example.net"])


LABELS = st.sampled_from(["*", "a", "B", "*a", "a*", "b*c", "", "xn--a", "1"])
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join).filter(bool)
DIALLED = st.one_of(
    st.lists(st.sampled_from(["a", "b", "ba", "aa", "1", "127", "xa"]), min_size=1, max_size=4).map(".".join),
    st.sampled_from(["127.0.0.1", "::1", "2001:db8::1", "127.1", "1"]),
)


@pytest.mark.skipif(oracles.gnutls() is None, reason="GnuTLS is not installed")
@settings(max_examples=300)
@given(
    st.lists(st.one_of(HOSTS, st.sampled_from(["127.0.0.1", "::1"])), max_size=2),
    st.lists(HOSTS, max_size=2),
    st.sampled_from([None, ("server",), ("client",), ("any",), ("strange",)]),
    DIALLED,
)
def test_names_are_covered_as_gnutls_covers_them(
    alternative: list[str], common: list[str], purposes: tuple[str, ...] | None, dialled: str
) -> None:
    subject = ",".join(["O=x", *(f"CN={each}" for each in common)])
    made = issue(ROOT, subject, names=alternative, purposes=purposes, key=KEY)
    assert names.covers(certificate(made.pem), dialled) is oracles.Crt(made.der).covers(dialled)
