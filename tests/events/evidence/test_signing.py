"""Signatures of bundles: ours and OpenSSL's agree, and keys that are no good are refused in a sentence."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from virtwarden.events.evidence import signing
from virtwarden.events.evidence.manifest import Signer, readme

DATA = b'{"a manifest": true}\n'
KINDS = {
    "ed25519": ["-algorithm", "ed25519"],
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
}


def _openssl(*words: str, cwd: Path) -> str:
    done = subprocess.run(["openssl", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def _generate(folder: Path, *words: str) -> tuple[str, str]:
    private, public = folder / "key.pem", folder / "pub.pem"
    _openssl("genpkey", *words, "-out", str(private), cwd=folder)
    private.chmod(0o600)
    _openssl("pkey", "-in", str(private), "-pubout", "-out", str(public), cwd=folder)
    return str(private), str(public)


def _never() -> bytes:
    raise AssertionError("no passphrase is needed")


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_is_known_again_and_no_other_is(kind: str, tmp_path: Path) -> None:
    private, public = _generate(tmp_path, *KINDS[kind])
    signed = signing.signature(signing.private_key(private, _never), DATA)
    key = signing.checker(public).key
    assert signing.is_signed_by(key, signed, DATA)
    assert not signing.is_signed_by(key, signed, DATA + b" ")
    assert not signing.is_signed_by(key, signed[:-1], DATA)
    assert not signing.is_signed_by(key, bytes([signed[0] ^ 1]) + signed[1:], DATA)
    assert not signing.is_signed_by(key, b"", DATA)


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_checks_it_as_the_bundle_says(kind: str, tmp_path: Path) -> None:
    private, _ = _generate(tmp_path, *KINDS[kind])
    (tmp_path / "pub.pem").rename(tmp_path / "PUBLIC.pem")
    key = signing.private_key(private, _never)
    (tmp_path / "manifest.json").write_bytes(DATA)
    (tmp_path / "manifest.sig").write_bytes(signing.signature(key, DATA))
    public = key.public_key()
    said = readme(Signer(signing.algorithm(public), signing.fingerprint(public))).decode()
    command = next(line for line in said.splitlines() if "openssl" in line).split()
    assert "erified" in _openssl(*command[1:], cwd=tmp_path)


def test_the_fingerprint_is_what_openssl_and_sha256sum_say(tmp_path: Path) -> None:
    _, public = _generate(tmp_path, *KINDS["ed25519"])
    command = f"openssl pkey -pubin -in {public} -outform DER | sha256sum"
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == signing.fingerprint(signing.checker(public).key)


def test_a_certificate_tells_whose_key_it_is_and_when_it_is_valid(tmp_path: Path) -> None:
    private, _ = _generate(tmp_path, *KINDS["p256"])
    subject = ["-subj", "/CN=auditor", "-days", "2"]
    _openssl("req", "-x509", "-key", private, *subject, "-out", "cert.pem", cwd=tmp_path)
    checker = signing.checker(str(tmp_path / "cert.pem"))
    assert checker.owner == "CN=auditor"
    assert checker.valid is not None
    assert checker.valid[1] - checker.valid[0] == 2 * 86400


def test_a_key_under_a_passphrase_is_opened_with_it(tmp_path: Path) -> None:
    _openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:secret", "-out", "k.pem", cwd=tmp_path)
    (tmp_path / "k.pem").chmod(0o600)
    path = str(tmp_path / "k.pem")
    assert signing.private_key(path, lambda: b"secret")
    for wrong in (b"other", b""):
        with pytest.raises(signing.BadKey, match="does not open with that passphrase"):
            signing.private_key(path, partial(bytes, wrong))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_use_is_refused(mode: int, tmp_path: Path) -> None:
    private, _ = _generate(tmp_path, *KINDS["ed25519"])
    os.chmod(private, mode)
    with pytest.raises(signing.BadKey, match="chmod 600"):
        signing.private_key(private, _never)


def test_keys_that_are_no_good_are_refused_in_a_sentence(tmp_path: Path) -> None:
    short, _ = _generate(tmp_path, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
    with pytest.raises(signing.BadKey, match="1024 bits is too short"):
        signing.private_key(short, _never)
    odd, odd_public = _generate(tmp_path, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1")
    for use in (lambda: signing.private_key(odd, _never), lambda: signing.checker(odd_public)):
        with pytest.raises(signing.BadKey, match="secp256k1 is not used"):
            use()
    other, other_public = _generate(tmp_path, "-algorithm", "x25519")
    for use in (lambda: signing.private_key(other, _never), lambda: signing.checker(other_public)):
        with pytest.raises(signing.BadKey, match="of a kind that bundles are not signed with"):
            use()


def test_what_is_no_key_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN NONSENSE-----\n")
    path.chmod(0o600)
    with pytest.raises(signing.BadKey, match="no private key in PEM"):
        signing.private_key(str(path), _never)
    with pytest.raises(signing.BadKey, match="neither a public key nor a certificate"):
        signing.checker(str(path))
    with pytest.raises(signing.BadKey, match="No such file"):
        signing.checker(str(tmp_path / "none.pem"))
    private, _ = _generate(tmp_path, *KINDS["ed25519"])
    with pytest.raises(signing.BadKey, match="its public half is wanted"):
        signing.checker(private)
    with pytest.raises(signing.BadKey, match="no regular file"):
        signing.checker(os.devnull)
