"""An authority issues, takes back and lists; its files are whole whatever happens, and certtool and OpenSSL agree."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.pki.made import NAME, PASSPHRASE, issue, order, reload, signer
from virtwarden.complaint import Complaint
from virtwarden.pki import authority, keys, names, register
from virtwarden.pki.authority import Signer
from virtwarden.pki.certifying import Wish
from virtwarden.pki.orders import Order, serial_of
from virtwarden.pki.roles import ALL_USES, Purpose, purposes


@pytest.fixture
def ca(tmp_path: Path) -> Signer:
    return signer(tmp_path / "ca")


def _list(signer: Signer) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(signer.authority.revocations())


def _number(signer: Signer) -> int:
    return _list(signer).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _listed(signer: Signer) -> set[str]:
    return {f"{each.serial_number:x}" for each in _list(signer)}


# --- the authority -----------------------------------------------------------------------------------


def test_a_new_authority_is_marked_as_one_that_signs_leaves_and_lists_only(ca: Signer) -> None:
    made = ca.authority.certificate
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    assert (made.version, constraints.critical, constraints.value.ca, constraints.value.path_length) == (
        x509.Version.v3, True, True, 0,
    )  # fmt: skip
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    assert made.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey)


def test_its_folder_is_closed_to_others_and_so_is_its_key(ca: Signer) -> None:
    folder = ca.authority.folder
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes["ca"] == 0o700
    assert {modes[name] for name in ("cakey.pem", "issued.json", "lock")} == {0o600}


def test_its_key_opens_with_the_passphrase_and_with_no_other(ca: Signer) -> None:
    assert reload(ca).signer(PASSPHRASE).key.private_numbers() == ca.key.private_numbers()
    with pytest.raises(keys.WrongPassphrase, match=r"does not open .*cakey.pem"):
        reload(ca).signer(b"correct hoarse")


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
def test_a_key_is_stretched_by_scrypt_and_openssl_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(keys.sealed(keys.new_key("p384"), PASSPHRASE))
    told = subprocess.run(("openssl", "asn1parse", "-in", path), capture_output=True, text=True, check=True).stdout
    assert ":scrypt" in told
    assert "INTEGER           :4000" in told  # N is 2 to the 14th
    assert ":aes-256-cbc" in told
    (tmp_path / "pass").write_bytes(PASSPHRASE)
    opening = ("openssl", "pkey", "-in", path, "-noout", "-passin")
    assert subprocess.run((*opening, f"file:{tmp_path / 'pass'}"), check=False).returncode == 0
    assert subprocess.run((*opening, "pass:other"), check=False, capture_output=True).returncode != 0
    assert keys.opened(path.read_bytes(), PASSPHRASE, "it")


def _open_all(ca: Signer) -> None:
    found = reload(ca)
    found.register()
    found.signer(PASSPHRASE)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "cacert.pem").unlink(),
        lambda folder: (folder / "cacert.pem").write_bytes(b""),
        lambda folder: (folder / "cacert.pem").write_bytes(b"\xff" * 5000),
        lambda folder: (folder / "cacert.pem").write_bytes(b"x" * (1 << 20) + b"x"),
        lambda folder: (folder / "issued.json").write_text('{"format": 7, "entries": []}'),
        lambda folder: (folder / "issued.json").write_text("{"),
        lambda folder: _edit(folder / "issued.json", '"serial": "', '"serial": "../'),
        lambda folder: _edit(folder / "issued.json", '"serial": "', '"serial": "x'),
        lambda folder: _edit(folder / "issued.json", 'Z"', '"'),
        lambda folder: _edit(folder / "issued.json", '"name"', '"nom"'),
        lambda folder: (folder / "issued.json").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "issued.json").unlink(),
        lambda folder: _fifo(folder / "issued.json"),
        lambda folder: ((folder / "issued.json").unlink(), (folder / "issued.json").mkdir()),
        lambda folder: (folder / "cakey.pem").write_bytes(b""),
        lambda folder: (folder / "cakey.pem").write_bytes(keys.plain(keys.new_key("p384"))),
        lambda folder: (folder / "cakey.pem").write_bytes(keys.sealed(keys.new_key("p384"), PASSPHRASE)),
        lambda folder: folder.chmod(0o777),
    ],
)
def test_a_spoilt_folder_is_told_in_one_sentence(ca: Signer, spoil: Callable[[Path], object]) -> None:
    issue(ca)
    spoil(ca.authority.folder)
    with pytest.raises(Complaint) as told:
        _open_all(ca)
    assert "\n" not in str(told.value)


def test_an_authority_is_not_made_where_something_is(tmp_path: Path, ca: Signer) -> None:
    name = names.authority_name(NAME)
    before = {path: path.read_bytes() for path in ca.authority.folder.iterdir() if path.is_file()}
    with pytest.raises(Complaint, match="is there already"):
        authority.create(ca.authority.folder, name, "p384", 10, PASSPHRASE)
    assert before == {path: path.read_bytes() for path in before}
    (tmp_path / "file").write_text("")
    with pytest.raises(Complaint, match="Not a directory"):
        authority.create(tmp_path / "file", name, "p384", 10, PASSPHRASE)
    with pytest.raises(Complaint, match="cannot be used: No such file"):
        authority.create(tmp_path / "no" / "such", name, "p384", 10, PASSPHRASE)
    with pytest.raises(Complaint, match="shorter than 8"):
        authority.create(tmp_path / "new", name, "p384", 10, b"short")
    assert not (tmp_path / "new").exists()


# --- what it issues ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa3072"])
def test_a_certificate_says_exactly_what_it_is_for(ca: Signer, kind: keys.Kind) -> None:
    wanted = {
        "server": [ExtendedKeyUsageOID.SERVER_AUTH],
        "client": [ExtendedKeyUsageOID.CLIENT_AUTH],
        "peer": [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
    }
    for role, purpose in (("server", "libvirt"), ("client", "nbd"), ("peer", "migrate")):
        made = ca.issue([order(purpose=Purpose(purpose, role), key=keys.new_key(kind))])[0].certificate  # type: ignore[arg-type]
        extended = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        usage = made.extensions.get_extension_for_class(x509.KeyUsage)
        constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
        assert made.version is x509.Version.v3
        assert (list(extended.value), extended.critical) == (wanted[role], True)
        assert (constraints.value.ca, constraints.critical, usage.critical) == (False, True, True)
        assert usage.value.digital_signature
        assert usage.value.key_encipherment
        assert not usage.value.key_cert_sign
        made.verify_directly_issued_by(ca.authority.certificate)


def test_purpose_and_use_stand_in_the_subject_before_the_name(ca: Signer) -> None:
    assert issue(ca, "alice", Purpose("libvirt", "client")).entry.subject == (
        "O=Example Org,OU=libvirt client,CN=alice"
    )
    assert issue(ca, "kvm1", Purpose("vnc", "server")).entry.subject == "O=Example Org,OU=vnc server,CN=kvm1"


def test_serials_are_long_random_and_never_the_same(ca: Signer) -> None:
    found = {each.certificate.serial_number for each in ca.issue([order() for _ in range(20)])}
    assert len(found) == 20
    assert all(serial.bit_length() > 64 for serial in found)
    assert all(serial.bit_length() <= 159 for serial in found)


def test_a_certificate_begins_a_little_ago_and_ends_with_its_authority_at_the_latest(tmp_path: Path) -> None:
    made = authority.create(tmp_path / "ca", names.authority_name(NAME), "p384", 20, PASSPHRASE)
    ca = made.signer(PASSPHRASE)
    entry = issue(ca).entry
    assert datetime.now(UTC) - timedelta(hours=2) < entry.start < datetime.now(UTC)
    assert entry.end == ca.authority.valid.end
    wish = order().wish
    short = ca.issue([Order(Wish(wish.subject, "server", wish.public, wish.names, 3), order().purpose)])
    assert short[0].entry.end < datetime.now(UTC) + timedelta(days=3, minutes=1)


def test_an_authority_that_has_ended_issues_nothing(ca: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    later = datetime.now(UTC) + timedelta(days=4000)
    monkeypatch.setattr("virtwarden.pki.certifying.now", lambda: later)
    with pytest.raises(Complaint, match="is valid from"):
        issue(ca)
    assert reload(ca).register().entries == ()


@pytest.mark.parametrize("days", [0, -1, 36501, 10**12])
def test_days_beyond_reason_are_refused(ca: Signer, days: int) -> None:
    wish = order().wish
    with pytest.raises(Complaint, match="is not between 1 and"):
        ca.issue([Order(Wish(wish.subject, "server", wish.public, wish.names, days), order().purpose)])


def test_one_key_is_certified_for_one_use_only(ca: Signer) -> None:
    key = keys.new_key("p256")
    ca.issue([order(purpose=Purpose("libvirt", "server"), key=key)])
    ca.issue([order(purpose=Purpose("libvirt", "server"), key=key)])  # again for the same: a renewal
    with pytest.raises(Complaint, match="make another one for this use"):
        ca.issue([order(purpose=Purpose("vnc", "server"), key=key)])


def test_a_server_of_all_uses_has_one_purpose_for_each() -> None:
    found = {purpose.use: purpose.role for purpose in purposes("server", "all")}
    assert found == {
        "libvirt": "server", "vnc": "server", "spice": "server", "backup": "server",
        "migrate": "peer", "chardev": "peer", "nbd": "client",
    }  # fmt: skip
    assert {purpose.role for purpose in purposes("client", "libvirt,vnc")} == {"client"}
    assert set(ALL_USES) == set(found)


# --- taking back ---------------------------------------------------------------------------------------


def test_what_is_revoked_is_on_the_list_with_its_reason_and_a_higher_number(ca: Signer) -> None:
    kept, taken = issue(ca, "kept"), issue(ca, "taken")
    before = _number(ca)
    ca.revoke([taken.entry.serial], "key-compromise")
    assert _listed(ca) == {taken.entry.serial}
    assert _number(ca) == before + 1
    (revoked,) = _list(ca)
    assert (
        revoked.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    )
    states = {entry.name: entry.state(datetime.now(UTC)) for entry in reload(ca).register().entries}
    assert states == {"kept": "valid", "taken": "revoked"}
    assert ca.revoke([taken.entry.serial], "superseded") == ()
    assert reload(ca).register().found(taken.entry.serial).reason == "key-compromise"  # type: ignore[union-attr]
    assert kept.entry.serial not in _listed(ca)


def test_a_list_is_signed_and_valid_for_as_long_as_was_asked(ca: Signer) -> None:
    ca.new_list(10)
    assert _list(ca).is_signature_valid(ca.authority.certificate.public_key())  # type: ignore[arg-type]
    ends = _list(ca).next_update_utc
    assert ends is not None
    assert timedelta(days=9) < ends - datetime.now(UTC) < timedelta(days=11)


@pytest.mark.skipif(not (which("openssl") and which("certtool")), reason="openssl or certtool is not installed")
def test_certtool_and_openssl_take_the_certificate_and_refuse_it_once_it_is_revoked(
    ca: Signer, tmp_path: Path
) -> None:
    made = issue(ca)
    (tmp_path / "leaf.pem").write_bytes(made.pem)
    anchor, listed = ca.authority.folder / "cacert.pem", ca.authority.folder / "cacrl.pem"
    by_gnutls = (
        "certtool", "--verify", "--load-ca-certificate", anchor, "--load-crl", listed, "--infile",
        tmp_path / "leaf.pem", "--verify-hostname", "kvm1.example.org", "--verify-purpose", "1.3.6.1.5.5.7.3.1",
    )  # fmt: skip
    by_openssl = (
        "openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", listed, "-CAfile", anchor, "-purpose",
        "sslserver", "-verify_hostname", "kvm1.example.org", tmp_path / "leaf.pem",
    )  # fmt: skip
    for argv in (by_gnutls, by_openssl):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    as_client = [word if word != "sslserver" else "sslclient" for word in by_openssl]
    assert subprocess.run(as_client, capture_output=True, check=False).returncode != 0
    ca.revoke([made.entry.serial], "unspecified")
    for argv in (by_gnutls, by_openssl):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "revoked" in (done.stdout + done.stderr).lower()


# --- two at a time, and crashes --------------------------------------------------------------------------


def _issue_some(signer: Signer, count: int) -> None:
    for number in range(count):
        issue(signer, f"host{os.getpid()}-{number}")


def test_many_commands_at_a_time_lose_no_line_and_give_no_serial_twice(ca: Signer) -> None:
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=_issue_some, args=(ca, 8)) for _ in range(4)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * 4
    entries = reload(ca).register().entries
    assert len({entry.serial for entry in entries}) == len(entries) == 32
    assert {ca.authority.issued(entry).serial_number for entry in entries} == {int(e.serial, 16) for e in entries}


def test_a_command_that_waits_too_long_says_who_is_in_its_way(ca: Signer) -> None:
    folder = ca.authority.folder
    with register.locked(folder), pytest.raises(Complaint, match="another command uses"):
        register.locked(folder, patience=0.05).__enter__()


_CALLS = ("open", "mkdir", "rename", "unlink", "fsync", "close")


def _dying_at(number: int, deed: Callable[[], object]) -> int:
    """The exit code of a child that does the deed and is killed at its so-manieth call that touches the disk."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(real: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object, **kwargs: object) -> object:
                nonlocal count
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return call

        for name in _CALLS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            deed()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _usable(ca: Signer) -> None:
    """That the authority works on, and that nothing contradicts anything else."""
    before = reload(ca).register()
    for entry in before.entries:
        assert serial_of(ca.authority.issued(entry)) == entry.serial
    issue(ca, "afterwards")
    known = reload(ca).register()
    assert len(known.entries) == len(before.entries) + 1
    assert not ca.authority.list_is_stale(known)
    assert _listed(ca) == {entry.serial for entry in known.entries if entry.revoked is not None}
    drafts = [path for path in ca.authority.folder.rglob(".*") if path.is_file()]
    assert drafts == []


def _at_every_step(ca: Signer, deed: Callable[[], object]) -> int:
    for step in range(1, 200):
        code = _dying_at(step, deed)
        if code == 0:
            return step - 1
        assert code == -signal.SIGKILL
        _usable(ca)
    raise AssertionError("the deed never ended")


def test_an_authority_killed_at_any_step_of_issuing_is_usable(ca: Signer) -> None:
    issue(ca)
    assert _at_every_step(ca, lambda: issue(ca, "killed")) > 8


def test_an_authority_killed_at_any_step_of_revoking_is_usable_and_forgets_no_revocation(ca: Signer) -> None:
    serials = iter([issue(ca, f"host{number}").entry.serial for number in range(40)])
    numbers: list[int] = []

    def revoke() -> None:
        ca.revoke([next(serials)], "superseded")

    steps = 0
    for step in range(1, 40):
        code = _dying_at(step, revoke)
        next(serials)
        steps += 1
        if code == 0:
            break
        _usable(ca)
        numbers.append(_number(ca))
    assert steps > 8
    assert numbers == sorted(numbers)


def test_an_authority_killed_at_any_moment_is_usable(ca: Signer) -> None:
    context = multiprocessing.get_context("fork")
    for number in range(12):
        process = context.Process(target=_issue_some, args=(ca, 500))
        process.start()
        time.sleep(0.005 + number * 0.007)
        process.kill()
        process.join()
        _usable(ca)


def test_init_killed_at_any_step_leaves_no_half_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_COST", 2)  # for speed

    def create() -> None:
        authority.create(folder, names.authority_name(NAME), "p384", 9, PASSPHRASE)

    for number in range(1, 100):
        folder = tmp_path / f"ca{number}"
        code = _dying_at(number, create)
        if folder.exists():
            authority.load(folder).register()
            assert (folder / "cakey.pem").exists()
        if code == 0:
            break
    assert number > 10


def test_a_write_that_fails_at_any_step_is_one_sentence_and_the_authority_is_usable(
    ca: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 60):
        count = 0

        def failing(real: Callable[..., object], at: int = number) -> Callable[..., object]:
            def call(*args: object, **kwargs: object) -> object:
                nonlocal count
                count += 1
                if count == at:
                    raise OSError(28, "No space left on device")
                return real(*args, **kwargs)

            return call

        with monkeypatch.context() as patched:
            for name in ("mkdir", "rename", "fsync"):
                patched.setattr(os, name, failing(getattr(os, name)))
            try:
                issue(ca, "failing")
            except Complaint as told:
                said = str(told)
            else:
                break
        assert "No space left" in said
        _usable(ca)
    assert number > 4


def test_a_full_disk_leaves_the_authority_as_it_was(ca: Signer) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    place = ca.authority.folder.parent / "small"
    place.mkdir()
    mounted = subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", place), check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        small = signer(place / "ca")
        with pytest.raises(Complaint, match="No space left on device"):
            _issue_some(small, 200)
        known = small.authority.register()
        assert known.entries
        assert all(small.authority.issued(entry) for entry in known.entries)
    finally:
        subprocess.run(("umount", place), check=True)


def test_a_plain_key_is_what_the_library_reads_back() -> None:
    for kind in keys.KINDS[:3]:
        key = keys.new_key(kind)
        assert keys.kind_of(key.public_key()) == kind
        again = load_pem_private_key(keys.plain(key), None).public_key()
        assert keys.fingerprint(again) == keys.fingerprint(key.public_key())
