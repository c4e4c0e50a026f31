"""The commands on an authority, as they are typed: what they write, what they say, and what they refuse."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.pki.made import PASSPHRASE, signer
from tests.pki.watching import Watcher
from virtwarden.cli import main
from virtwarden.pki import authority, names

Told = pytest.CaptureFixture[str]
SERVER_FILES = {"cacert.pem", "cacrl.pem", "servercert.pem", "serverkey.pem"}
CLIENT_FILES = {"cacert.pem", "cacrl.pem", "clientcert.pem", "clientkey.pem"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an authority `ca` and the passphrase's file `pass`, on a machine without guests."""
    signer(tmp_path / "ca")
    (tmp_path / "pass").write_bytes(PASSPHRASE + b"\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("virtwarden.cli.pki.init.HOST_MARKS", ())
    return tmp_path


def pki(command: str, *words: str) -> int:
    """A command on that authority, with small keys where it makes any."""
    return main(["pki", *command.split(), *words, "--authority", "ca", "--passphrase-file", "pass"])


def issue(command: str, *words: str) -> int:
    return pki(f"issue {command}", "--key", "p256", *words)


def refused(code: int, told: Told, text: str) -> None:
    said = told.readouterr().err
    assert code == 3
    assert text in said
    assert said.count("\n") == 1, said


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def named(path: Path) -> tuple[str, ...]:
    found = certificate(path).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return names.names_in(found.value)


def fits(folder: Path, side: str) -> bool:
    """Whether the key is that of the certificate."""
    key = load_pem_private_key((folder / f"{side}key.pem").read_bytes(), None)
    return key.public_key() == certificate(folder / f"{side}cert.pem").public_key()


# --- init ----------------------------------------------------------------------------------------------


def test_init_makes_an_authority_and_says_what_to_allow(place: Path, capsys: Told) -> None:
    assert main(["pki", "init", "new", "--name", "Ex, Inc/auth", "--passphrase-file", "pass", "--days", "30"]) == 0
    said = capsys.readouterr().out
    assert "the authority O=Ex\\, Inc,CN=auth is in" in said
    assert "allowed_dns" in said
    authority.load(place / "new").signer(PASSPHRASE)


def test_init_on_a_host_of_guests_needs_here(place: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtwarden.cli.pki.init.HOST_MARKS", (str(place),))
    words = ["pki", "init", "new", "--passphrase-file", "pass"]
    refused(main(words), capsys, "give --here")
    assert not (place / "new").exists()
    assert main([*words, "--here"]) == 0
    assert "move it away" in capsys.readouterr().err


def test_init_asks_for_nothing_where_it_cannot_succeed(place: Path, capsys: Told) -> None:
    refused(main(["pki", "init", "ca"]), capsys, "is there already")
    refused(main(["pki", "init", "new", "--name", "no slash"]), capsys, "ORGANISATION/NAME")
    refused(main(["pki", "init", "new"]), capsys, "--passphrase-fd")
    (place / "short").write_text("1234567\n")
    refused(main(["pki", "init", "new", "--passphrase-file", "short"]), capsys, "shorter than 8")


# --- issue ---------------------------------------------------------------------------------------------


def test_a_server_has_its_names_and_a_folder_that_libvirt_takes(place: Path, capsys: Told) -> None:
    assert issue("server kvm1.example.org 192.0.2.10 2001:db8::10", "--out", "s") == 0
    assert files(place / "s") == SERVER_FILES
    assert named(place / "s/servercert.pem") == ("kvm1.example.org", "192.0.2.10", "2001:db8::10")
    assert fits(place / "s", "server")
    assert stat.S_IMODE((place / "s").stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "s/serverkey.pem").stat().st_mode) == 0o600
    assert "kvm1.example.org as libvirt server" in capsys.readouterr().out


def test_a_server_without_names_gets_those_of_this_host(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtwarden.pki.localnames.local_names", lambda: ("me.example.org", "me", "192.0.2.7"))
    assert issue("server", "--out", "s") == 0
    assert named(place / "s/servercert.pem") == ("me.example.org", "me", "192.0.2.7")


def test_a_client_has_one_name_and_says_its_subject(place: Path, capsys: Told) -> None:
    assert issue("client alice", "--out", "c", "--subject", "C=DE,OU=night") == 0
    assert files(place / "c") == CLIENT_FILES
    assert "subject C=DE,O=Example Org,OU=libvirt client,OU=night,CN=alice" in capsys.readouterr().out
    refused(issue("client alice bob", "--out", "d"), capsys, "a client has one name")
    refused(issue("client", "--out", "d"), capsys, "a client has one name")


def test_a_peer_shows_one_certificate_either_way(place: Path) -> None:
    assert issue("peer kvm1.example.org", "--out", "p") == 0
    assert files(place / "p") == SERVER_FILES | CLIENT_FILES
    assert (place / "p/servercert.pem").read_bytes() == (place / "p/clientcert.pem").read_bytes()
    extended = certificate(place / "p/servercert.pem").extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert set(extended.value) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_each_use_has_a_folder_a_key_and_a_certificate_of_its_own(place: Path) -> None:
    assert issue("server kvm1.example.org", "--uses", "all", "--out", "h") == 0
    found = {path.name: {each.name for each in path.iterdir()} for path in (place / "h").iterdir()}
    both = SERVER_FILES | CLIENT_FILES
    assert found == {
        **dict.fromkeys(("libvirt", "vnc", "spice", "backup"), SERVER_FILES),
        **dict.fromkeys(("migrate", "chardev"), both),
        "nbd": CLIENT_FILES,
    }
    keys = [path.read_bytes() for path in (place / "h").glob("*/serverkey.pem")]
    keys += [(place / "h/nbd/clientkey.pem").read_bytes()]
    assert len(set(keys)) == 7
    assert issue("server kvm1.example.org", "--uses", "libvirt", "--out", "one") == 0
    assert files(place / "one") == {f"libvirt/{name}" for name in SERVER_FILES}


def test_nothing_is_overwritten_without_replace_and_nothing_is_signed_in_vain(place: Path, capsys: Told) -> None:
    assert issue("server kvm1", "--out", "s") == 0
    key = (place / "s/serverkey.pem").read_bytes()
    capsys.readouterr()
    refused(issue("server kvm1", "--out", "s"), capsys, "give --replace")
    assert (place / "s/serverkey.pem").read_bytes() == key
    assert len(authority.load(place / "ca").register().entries) == 1
    assert issue("server kvm1", "--out", "s", "--replace") == 0
    assert (place / "s/serverkey.pem").read_bytes() != key
    assert fits(place / "s", "server")


def test_a_client_can_be_put_beside_a_server(place: Path) -> None:
    assert issue("server kvm1", "--out", "s") == 0
    assert pki("crl") == 0  # a newer list takes the place of the older one
    assert issue("client kvm1", "--out", "s") == 0
    assert files(place / "s") == SERVER_FILES | CLIENT_FILES


def test_another_authority_is_not_mixed_in(place: Path, capsys: Told) -> None:
    (place / "s").mkdir(mode=0o700)
    (place / "s/cacert.pem").write_text("another\n")
    refused(issue("server kvm1", "--out", "s"), capsys, "cacert.pem is there already")
    refused(issue("server kvm1", "--out", "ca/here"), capsys, "in the authority's own folder")


@pytest.mark.parametrize("named", ["*.example.org", "a b", "", "x" * 300, "bücher.example"])
def test_a_name_that_makes_no_sense_is_refused(place: Path, capsys: Told, named: str) -> None:
    code = main(
        ["pki", "issue", "server", "--authority", "ca", "--passphrase-file", "pass", "--out", "s", "--", named]
    )
    refused(code, capsys, "neither a host name in ASCII nor an address")
    assert not (place / "s").exists()


def test_a_wrong_passphrase_is_one_sentence(place: Path, capsys: Told) -> None:
    (place / "pass").write_text("correct hoarse\n")
    refused(issue("server kvm1", "--out", "s"), capsys, "the passphrase does not open")
    assert not (place / "s").exists()


def test_a_passphrase_comes_by_file_descriptor(place: Path) -> None:
    read, write = os.pipe()
    os.write(write, PASSPHRASE + b"\n")
    os.close(write)
    words = ["pki", "issue", "client", "alice", "--key", "p256", "--authority", "ca", "--passphrase-fd", str(read)]
    assert main([*words, "--out", "c"]) == 0
    os.close(read)


# --- request and sign ----------------------------------------------------------------------------------


def test_a_key_never_travels(place: Path, capsys: Told) -> None:
    assert main(["pki", "request", "server", "kvm2.example.org", "192.0.2.12", "--key", "p256", "--out", "r"]) == 0
    assert files(place / "r") == {"serverkey.pem", "request.pem"}
    assert pki("sign r/request.pem --as server --out back") == 0
    said = capsys.readouterr().out
    assert "asked for: CN=kvm2.example.org, key p256" in said
    assert files(place / "back") == SERVER_FILES - {"serverkey.pem"}
    assert pki("sign r/request.pem --as server --out r") == 0
    assert fits(place / "r", "server")
    assert named(place / "r/servercert.pem") == ("kvm2.example.org", "192.0.2.12")
    assert pki("sign r/request.pem --as server --out one.pem") == 0
    assert certificate(place / "one.pem").public_key() == certificate(place / "r/servercert.pem").public_key()


def test_requests_for_all_uses_are_signed_together(place: Path) -> None:
    assert main(["pki", "request", "server", "kvm2", "--uses", "all", "--key", "p256", "--out", "r"]) == 0
    assert pki("sign r --as server --out r") == 0
    assert fits(place / "r/vnc", "server")
    assert fits(place / "r/nbd", "client")
    assert fits(place / "r/migrate", "client")
    extended = certificate(place / "r/vnc/servercert.pem").extensions.get_extension_for_class(
        x509.ExtendedKeyUsage
    )
    assert list(extended.value) == [ExtendedKeyUsageOID.SERVER_AUTH]


def csr(path: Path, change: Callable[[x509.CertificateSigningRequestBuilder], x509.CertificateSigningRequestBuilder],
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None) -> None:  # fmt: skip
    fields = [(NameOID.ORGANIZATION_NAME, "Example Org"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "libvirt client")]
    subject = x509.Name(
        [x509.NameAttribute(oid, value) for oid, value in (*fields, (NameOID.COMMON_NAME, "kvm3"))]
    )
    builder = change(x509.CertificateSigningRequestBuilder().subject_name(subject))
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    path.write_bytes(signed.public_bytes(Encoding.PEM))


def test_a_request_gets_no_more_than_its_key_and_names(place: Path, capsys: Told) -> None:
    def greedy(builder: x509.CertificateSigningRequestBuilder) -> x509.CertificateSigningRequestBuilder:
        return (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName("kvm3"), x509.RFC822Name("root@kvm3")]), critical=False
            )
        )

    csr(place / "r.pem", greedy)
    assert pki("sign r.pem --as server --out s") == 0
    said = capsys.readouterr().out
    assert "not taken: RFC822Name, O, OU, basicConstraints, extendedKeyUsage" in said
    made = certificate(place / "s/servercert.pem")
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    extended = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert made.subject.rfc4514_string() == "CN=kvm3,OU=libvirt server,O=Example Org"
    assert named(place / "s/servercert.pem") == ("kvm3",)


def test_names_can_be_overridden(place: Path, capsys: Told) -> None:
    wide = x509.SubjectAlternativeName([x509.DNSName("kvm3"), x509.DNSName("bank.example.org")])
    csr(place / "r.pem", lambda builder: builder.add_extension(wide, critical=False))
    assert pki("sign r.pem --as server --out s --name kvm3") == 0
    assert "names not taken: bank.example.org" in capsys.readouterr().out
    assert named(place / "s/servercert.pem") == ("kvm3",)


def test_weak_forged_and_senseless_requests_are_refused(place: Path, capsys: Told) -> None:
    csr(place / "r.pem", lambda builder: builder, rsa.generate_private_key(65537, 2048))
    refused(pki("sign r.pem --as server --out s"), capsys, "RSA of 2048 bits is too short")
    csr(place / "r.pem", lambda builder: builder, ec.generate_private_key(ec.SECP256K1()))
    refused(pki("sign r.pem --as server --out s"), capsys, "the curve secp256k1")
    csr(place / "r.pem", lambda builder: builder)
    der = x509.load_pem_x509_csr((place / "r.pem").read_bytes()).public_bytes(Encoding.DER)
    forged = x509.load_der_x509_csr(der.replace(b"kvm3", b"kvm4")).public_bytes(Encoding.PEM)
    (place / "r.pem").write_bytes(forged)
    refused(pki("sign r.pem --as server --out s"), capsys, "is not signed by the key that it is for")
    for text in (
        b"",
        b"\xff" * 100,
        b"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n",
    ):
        (place / "r.pem").write_bytes(text)
        refused(pki("sign r.pem --as server --out s"), capsys, "is not a request for a certificate")
    refused(pki("sign none.pem --as server --out s"), capsys, "there is no")
    refused(pki("sign . --as server --out s"), capsys, "there is no request.pem in")
    assert not (place / "s").exists()


def test_a_certificate_is_not_put_beside_the_key_of_another(place: Path, capsys: Told) -> None:
    for out in ("r", "q"):
        assert main(["pki", "request", "server", "kvm2", "--key", "p256", "--out", out]) == 0
    capsys.readouterr()
    assert pki("sign r/request.pem --as server --out q") == 3
    assert "is not the key that the request was made with" in capsys.readouterr().err
    assert "servercert.pem" not in files(place / "q")


# --- list, revoke, crl ---------------------------------------------------------------------------------


def listed(place: Path) -> set[int]:
    found = x509.load_pem_x509_crl((place / "ca/cacrl.pem").read_bytes())
    return {each.serial_number for each in found}


def test_what_was_issued_is_listed(place: Path, capsys: Told) -> None:
    assert main(["pki", "list", "--authority", "ca"]) == 0
    assert "nothing was issued yet" in capsys.readouterr().out
    issue("server kvm1", "--out", "s")
    issue("client alice", "--out", "c")
    capsys.readouterr()
    assert main(["pki", "list", "--authority", "ca"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:4] for line in lines[1:]] == [
        ["valid", "libvirt", "server"],
        ["valid", "libvirt", "client"],
    ]
    assert main(["pki", "list", "--authority", "ca", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["role"], row["state"]) for row in rows] == [
        ("kvm1", "server", "valid"), ("alice", "client", "valid"),
    ]  # fmt: skip


def test_a_certificate_is_taken_back_by_name_serial_or_file(place: Path, capsys: Told) -> None:
    for name in ("ann", "bob", "cyd"):
        issue(f"client {name}", "--out", name)
    serials = {name: certificate(place / name / "clientcert.pem").serial_number for name in ("ann", "bob", "cyd")}
    assert pki("revoke ann --reason key-compromise") == 0
    assert pki(f"revoke {serials['bob']:x}") == 0
    assert pki("revoke cyd/clientcert.pem") == 0
    assert listed(place) == set(serials.values())
    capsys.readouterr()
    assert pki("revoke ann") == 0
    assert "was taken back on" in capsys.readouterr().out
    refused(pki("revoke dora"), capsys, "is no serial and no name")
    (place / "junk").write_bytes(b"\xff\0")
    refused(pki("revoke junk"), capsys, "is not a certificate that can be read")
    refused(pki("revoke ca/cacert.pem"), capsys, "was not issued by this authority")


def test_a_name_with_several_certificates_is_not_guessed_at(place: Path, capsys: Told) -> None:
    issue("server kvm1", "--uses", "libvirt,vnc", "--out", "h")
    capsys.readouterr()
    assert pki("revoke kvm1") == 3
    assert "2 certificates go by kvm1; name a serial, or give --all" in capsys.readouterr().err
    assert listed(place) == set()
    assert pki("revoke kvm1 --all") == 0
    assert len(listed(place)) == 2


def test_a_list_left_behind_by_a_crash_is_told_and_mended(place: Path, capsys: Told) -> None:
    old = (place / "ca/cacrl.pem").read_bytes()
    issue("client alice", "--out", "c")
    pki("revoke alice")
    (place / "ca/cacrl.pem").write_bytes(old)
    capsys.readouterr()
    assert main(["pki", "list", "--authority", "ca"]) == 0
    assert "is not up to date" in capsys.readouterr().err
    assert pki("crl --days 9 --out out.pem") == 0
    assert listed(place) == {certificate(place / "c/clientcert.pem").serial_number}
    assert (place / "out.pem").read_bytes() == (place / "ca/cacrl.pem").read_bytes()


# --- renew ---------------------------------------------------------------------------------------------


def test_renewed_certificates_have_new_keys_and_the_old_stay_valid(place: Path, capsys: Told) -> None:
    issue("server kvm1 192.0.2.10", "--uses", "libvirt,migrate", "--out", "h", "--days", "20")
    issue("client alice", "--out", "c", "--days", "300")
    assert pki("renew --out n") == 0
    assert {path.name for path in (place / "n").iterdir()} == {"kvm1"}
    new, old = (
        certificate(place / "n/kvm1/libvirt/servercert.pem"),
        certificate(place / "h/libvirt/servercert.pem"),
    )
    assert new.subject == old.subject
    assert named(place / "n/kvm1/libvirt/servercert.pem") == ("kvm1", "192.0.2.10")
    assert new.public_key() != old.public_key()
    assert new.not_valid_after_utc > old.not_valid_after_utc
    assert fits(place / "n/kvm1/migrate", "client")
    assert listed(place) == set()
    capsys.readouterr()
    assert pki("renew --out n2") == 0  # what was renewed is not due again
    assert "ends within 30 days" in capsys.readouterr().out
    assert pki("renew alice --out a") == 0
    assert files(place / "a") == {f"libvirt/{name}" for name in CLIENT_FILES}


def test_a_key_that_stays_on_its_host_can_be_certified_again(place: Path, capsys: Told) -> None:
    main(["pki", "request", "server", "kvm2", "--key", "p256", "--out", "r"])
    pki("sign r --as server --out r --days 5")
    capsys.readouterr()
    refused(pki("renew kvm2 --out n"), capsys, "--same-key")
    assert pki("renew --out n") == 0
    assert "left out kvm2 as libvirt server" in capsys.readouterr().err
    assert pki("renew kvm2 --same-key --out n") == 0
    assert files(place / "n") == {f"libvirt/{name}" for name in SERVER_FILES - {"serverkey.pem"}}
    key = certificate(place / "n/libvirt/servercert.pem").public_key()
    assert key == certificate(place / "r/servercert.pem").public_key()


def test_what_was_taken_back_is_not_renewed(place: Path, capsys: Told) -> None:
    issue("client alice", "--out", "c")
    serial = f"{certificate(place / 'c/clientcert.pem').serial_number:x}"
    pki("revoke alice")
    capsys.readouterr()
    refused(pki("renew alice --out n"), capsys, "no certificate of 'alice' is in use")
    refused(pki(f"renew {serial} --out n"), capsys, "was taken back; issue a new one")


# --- bundle --------------------------------------------------------------------------------------------


def test_a_bundle_is_the_tree_that_viewers_read(place: Path) -> None:
    issue("client alice", "--out", "c")
    assert main(["pki", "bundle", "c", "--for", "virt-viewer", "--out", "b"]) == 0
    assert files(place / "b") == {
        "README-virt-warden.txt", *(f"libvirt/{name}" for name in CLIENT_FILES), "CA/cacert.pem", "CA/cacrl.pem",
        "libvirt-vnc/clientcert.pem", "libvirt-vnc/private/clientkey.pem",
    }  # fmt: skip
    for key in (place / "b").rglob("clientkey.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert main(["pki", "bundle", "c", "--for", "virsh", "--out", "v"]) == 0
    assert files(place / "v") == {"README-virt-warden.txt", *(f"libvirt/{name}" for name in CLIENT_FILES)}


def test_consoles_are_shown_the_certificate_that_was_issued_for_them(place: Path) -> None:
    issue("client alice", "--uses", "libvirt,vnc", "--out", "c")
    assert main(["pki", "bundle", "c", "--out", "b"]) == 0
    assert (place / "b/libvirt-vnc/clientcert.pem").read_bytes() == (place / "c/vnc/clientcert.pem").read_bytes()
    assert (place / "b/libvirt/clientcert.pem").read_bytes() == (place / "c/libvirt/clientcert.pem").read_bytes()


def test_an_archive_unpacks_into_a_home_folder(place: Path) -> None:
    issue("client alice", "--out", "c")
    assert main(["pki", "bundle", "c", "--tar", "b.tar"]) == 0
    assert stat.S_IMODE((place / "b.tar").stat().st_mode) == 0o600
    (place / "home").mkdir()
    subprocess.run(("tar", "-C", place / "home", "-xpf", place / "b.tar"), check=True)
    key = place / "home/.pki/libvirt/clientkey.pem"
    assert key.read_bytes() == (place / "c/clientkey.pem").read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((place / "home/.pki/libvirt-vnc/private").stat().st_mode) == 0o700


def test_a_bundle_of_what_does_not_fit_together_is_refused(place: Path, capsys: Told) -> None:
    issue("client alice", "--out", "c")
    issue("client bob", "--out", "d")
    issue("server kvm1", "--out", "s")
    capsys.readouterr()
    refused(main(["pki", "bundle", "s", "--out", "b"]), capsys, "there is no clientcert.pem in")
    refused(main(["pki", "bundle", "c"]), capsys, "--out DIR or --tar FILE")
    (place / "c/clientkey.pem").write_bytes((place / "d/clientkey.pem").read_bytes())
    refused(main(["pki", "bundle", "c", "--out", "b"]), capsys, "is not the key of clientcert.pem")
    (place / "d/cacert.pem").write_bytes((place / "d/clientcert.pem").read_bytes())
    refused(main(["pki", "bundle", "d", "--out", "b"]), capsys, "was not issued by the authority beside it")
    (place / "d/clientcert.pem").write_bytes(b"")
    refused(main(["pki", "bundle", "d", "--out", "b"]), capsys, "that can be read")


# --- secrets -------------------------------------------------------------------------------------------


def test_no_key_is_readable_by_others_and_no_secret_is_in_arguments_environment_or_output(place: Path) -> None:
    warden = (sys.executable, "-m", "virtwarden", "pki")
    signing = ("--authority", "new", "--passphrase-file", "pass")
    commands = [
        ("init", "new", "--here", "--passphrase-file", "pass"),
        ("issue", "server", "kvm1", "--uses", "all", "--key", "p256", "--out", "h", *signing),
        ("issue", "client", "alice", "--key", "p256", "--out", "c", *signing),
        ("request", "server", "kvm2", "--key", "p256", "--out", "r"),
        ("sign", "r", "--as", "server", "--out", "r", *signing),
        ("renew", "alice", "--out", "n", *signing),
        ("revoke", "alice", "--all", *signing),
        ("bundle", "n", "--out", "b"),
        ("bundle", "n", "--tar", "key.tar"),
    ]
    told = b""
    with Watcher(place) as watcher:
        for command in commands:
            child = subprocess.Popen((*warden, *command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, umask=0)
            for name in ("cmdline", "environ"):
                told += Path(f"/proc/{child.pid}/{name}").read_bytes()
            out, err = child.communicate(timeout=60)
            told += out + err
            assert child.returncode == 0, err
    assert PASSPHRASE not in told
    assert b"PRIVATE KEY" not in told
    assert len([name for name in watcher.seen if "key" in name]) > 15
    assert watcher.open_to_others() == []


def test_help_of_each_command_loads_no_cryptography() -> None:
    for command in ("init", "issue", "request", "sign", "list", "revoke", "crl", "renew", "bundle"):
        code = (
            "import sys\nfrom virtwarden.cli import main\n"
            f"try: main(['pki', {command!r}, '--help'])\nexcept SystemExit: pass\n"
            "assert 'cryptography' not in sys.modules"
        )
        subprocess.run((sys.executable, "-c", code), check=True, capture_output=True)


# --- odd words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x" * 5000, "ca/pass/x", "pass/x", "\udcff", "two\nlines", "\x1b[31m", ""])
def test_odd_paths_and_names_are_one_sentence(place: Path, capsys: Told, name: str) -> None:
    signing = ("--authority", "ca", "--passphrase-file", "pass")
    for words in (
        ("revoke", name, *signing),
        ("list", "--authority", name),
        ("bundle", name, "--out", "b"),
        ("sign", name, "--as", "client", "--out", "s", *signing),
        ("crl", "--authority", "ca", "--passphrase-file", name),
    ):
        refused(main(["pki", *words]), capsys, "virt-warden: ")


@pytest.mark.parametrize("number", ["-1", "99999999999999"])
def test_a_number_that_is_no_descriptor_is_said_so(place: Path, capsys: Told, number: str) -> None:
    refused(
        main(["pki", "crl", "--authority", "ca", f"--passphrase-fd={number}"]), capsys, "is no file descriptor"
    )


def test_the_list_is_never_written_over_something_else(place: Path, capsys: Told) -> None:
    key = (place / "pass").read_bytes()
    refused(pki("crl --out pass"), capsys, "holds something else")
    assert (place / "pass").read_bytes() == key
    assert pki("crl --out list.pem") == 0
    assert pki("crl --out list.pem") == 0


def test_another_authority_is_left_alone(place: Path, capsys: Told) -> None:
    signer(place / "other")
    anchor = (place / "other" / "cacert.pem").read_bytes()
    assert issue("client alice --out alice") == 0
    capsys.readouterr()
    where = "in the authority's own folder"
    refused(issue("client bob --out other --replace"), capsys, where)
    refused(main(["pki", "request", "client", "bob", "--out", "other", "--key", "p256"]), capsys, where)
    refused(main(["pki", "bundle", "alice", "--out", "other/certificates", "--replace"]), capsys, where)
    (place / "loop").symlink_to("loop")
    refused(main(["pki", "bundle", "alice", "--out", "loop"]), capsys, "virt-warden: ")
    assert (place / "other" / "cacert.pem").read_bytes() == anchor


def test_what_a_request_says_cannot_move_the_cursor(place: Path, capsys: Told) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kvm1\x1b[2J\nall is well")])
    asked = x509.SubjectAlternativeName([x509.DNSName("kvm1\x1b[31m\nnames fine")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(asked, critical=False)
    (place / "odd.csr").write_bytes(request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    assert pki("sign odd.csr --as server --name kvm1 --out kvm1") == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\nall is well" not in said
    assert "\nnames fine" not in said
    assert r"kvm1\x1b[31m\nnames fine" in said


def test_requests_alone_travel_from_a_host_that_serves_all_uses(place: Path) -> None:
    assert (
        main(
            [
                "pki",
                "request",
                "server",
                "kvm1",
                "198.51.100.10",
                "--out",
                "host",
                "--uses",
                "all",
                "--key",
                "p256",
            ]
        )
        == 0
    )
    before = files(place / "host")
    subprocess.run("(cd host && tar -c */request.pem) | tar -x --one-top-level=asked", shell=True, check=True)
    assert all(path.endswith("/request.pem") for path in files(place / "asked"))
    assert pki("sign asked --as server --out signed") == 0
    assert not any("key" in path for path in files(place / "signed"))
    subprocess.run(("cp", "-r", "signed/.", "host/"), check=True)
    assert files(place / "host") > before
    assert all(fits(place / "host" / use, "server") for use in ("libvirt", "vnc", "spice", "migrate", "backup"))
    assert main(["pki", "verify", "host", "--dial", "kvm1", "--dial", "198.51.100.10"]) == 0


def test_files_and_names_may_follow_options(place: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    assert issue("client alice --out alice") == 0
    file = "alice/clientcert.pem"
    assert main(["pki", "match", "*", "--rules", "old", file]) == 0
    assert main(["pki", "dn", file, "--all", file]) == 0
    assert main(["pki", "verify", file, "--authority", "alice/cacert.pem", "alice/clientkey.pem"]) == 0
    capsys.readouterr()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    refused(main(["sasl", "add", "--password-file", "pass", "alice"]), capsys, "only root")
    refused(main(["sasl", "list", "--json", "--", "alice", "x"]), capsys, "sasl --help shows the options")
