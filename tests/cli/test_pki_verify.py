"""`virt-warden pki verify`, `pki dn` and `pki match`, as they are run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.pki.cases import FOREIGN, HOST, ROOT, alice, good
from tests.pki.making import DAY, NOW, Issued, revocations
from virtwarden.cli import main


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def laid_out(folder: Path, server: Issued | None = None, ca: Issued = ROOT) -> Issued:
    server = server or good()
    put(folder, "cacert.pem", ca.pem)
    put(folder, "servercert.pem", server.pem)
    put(folder, "serverkey.pem", server.key_pem)
    return server


def faults(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    told = json.loads(capsys.readouterr().out)
    return [(each["code"], each["weight"]) for each in told["faults"]]


def test_a_sound_folder_is_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    laid_out(tmp_path)
    assert main(["pki", "verify", str(tmp_path), "--dial", HOST]) == 0
    assert capsys.readouterr().out.endswith("3 files: sound\n")


def test_the_layout_of_libvirts_own_places_is_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = good()
    put(tmp_path, "CA/cacert.pem", ROOT.pem)
    put(tmp_path, "CA/cacrl.pem", revocations(ROOT, server))
    put(tmp_path, "libvirt/servercert.pem", server.pem)
    put(tmp_path, "libvirt/private/serverkey.pem", server.key_pem)
    assert main(["pki", "verify", str(tmp_path), "--json"]) == 1
    assert faults(capsys) == [("revoked", "refused")]


def test_each_fault_is_told_with_its_word_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    laid_out(tmp_path, good(ends=NOW - DAY), FOREIGN)
    assert main(["pki", "verify", str(tmp_path), "--dial", "kvm9"]) == 1
    said = capsys.readouterr().out
    for word in (
        "expired",
        "no-issuer",
        "wrong-name",
        "libvirt refuses it",
        "3 files, 3 faults",
        "does not cover kvm9",
    ):
        assert word in said


def test_an_encrypted_key_cannot_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = laid_out(tmp_path)
    locked = server.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    put(tmp_path, "serverkey.pem", locked.decode())
    assert main(["pki", "verify", str(tmp_path), "--json"]) == 2
    assert faults(capsys) == [("unknown-key", "unknown")]


def test_an_open_key_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    laid_out(tmp_path)
    (tmp_path / "serverkey.pem").chmod(0o644)
    assert main(["pki", "verify", str(tmp_path), "--json"]) == 1
    assert faults(capsys) == [("open-key", "unsafe")]


def test_single_files_are_judged_as_what_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, root = put(tmp_path, "one.pem", alice().pem), put(tmp_path, "root.pem", ROOT.pem)
    assert main(["pki", "verify", str(one), "--authority", str(root)]) == 0
    capsys.readouterr()
    assert main(["pki", "verify", str(one), "--authority", str(root), "--as", "server", "--json"]) == 1
    assert faults(capsys) == [("no-names", "unsafe"), ("wrong-role", "unsafe")]


def test_a_folder_for_each_use_has_its_own_authorities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    laid_out(tmp_path / "vnc")
    laid_out(tmp_path / "spice", ca=FOREIGN)
    assert main(["pki", "verify", str(tmp_path), "--json"]) == 1
    assert faults(capsys) == [("no-issuer", "refused")]


def test_a_peer_is_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = laid_out(tmp_path, good(purposes=("server", "client")))
    put(tmp_path, "clientcert.pem", both.pem)
    put(tmp_path, "clientkey.pem", both.key_pem)
    assert main(["pki", "verify", str(tmp_path), "--as", "peer"]) == 0
    capsys.readouterr()
    assert main(["pki", "verify", str(tmp_path), "--json"]) == 1
    assert {code for code, _ in faults(capsys)} == {"more-roles", "reused-key"}


def test_the_version_of_libvirt_decides_on_key_encipherment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    laid_out(tmp_path, good(usage=(("digital_signature",), True)))
    assert main(["pki", "verify", str(tmp_path), "--libvirt", "11.6.0"]) == 0
    assert main(["pki", "verify", str(tmp_path), "--libvirt", "9.0.0"]) == 1
    assert "no-encipherment" in capsys.readouterr().out
    assert main(["pki", "verify", str(tmp_path), "--libvirt", "new"]) == 3


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 4096, b"\xff\xfe" * 100, b"-----BEGIN CERTIFICATE-----\n", b"x" * 100_000],
    ids=["empty", "zeros", "bytes", "cut off", "huge line"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["cacert.pem", "servercert.pem", "serverkey.pem", "cacrl.pem"])
def test_junk_is_a_fault_and_never_a_traceback(
    content: bytes, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    laid_out(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert main(["pki", "verify", str(tmp_path)]) == 1
    assert "unreadable" in capsys.readouterr().out


def test_what_is_no_file_or_not_there_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").mkdir()
    plain = put(tmp_path, "plain", "nothing\n")
    for asked in (tmp_path / "fifo", tmp_path / "none.pem", tmp_path / "empty", plain, "/dev/null"):
        for command in ("verify", "dn"):
            assert main(["pki", command, str(asked)]) == 3
            assert capsys.readouterr().err.count("\n") == 1
    assert main(["pki", "verify", "--as", "server"]) == 3


def test_dn_prints_what_libvirt_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = put(tmp_path, "one.pem", alice(subject="O=IBM, Inc".replace(", ", " ") + ",CN=alice").pem + ROOT.pem)
    assert main(["pki", "dn", str(one)]) == 0
    assert capsys.readouterr().out == "O=IBM Inc,CN=alice\n"
    assert main(["pki", "dn", "--all", str(one), str(one)]) == 0
    assert capsys.readouterr().out.count(f"{one}: ") == 4
    assert main(["pki", "dn", str(put(tmp_path, "nobody.pem", alice(subject="").pem))]) == 1


def test_dn_shows_what_could_move_a_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "dn", str(put(tmp_path, "a.pem", alice(subject="CN=a\x1b[2Jb").pem))]) == 0
    assert capsys.readouterr().out == "CN=a\\x1b[2Jb\n"


def test_match_says_who_is_let_in_and_what_is_wide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = str(put(tmp_path, "one.pem", alice().pem))
    assert main(["pki", "match", "O=Example,CN=alice", one]) == 0
    assert "let in by O=Example,CN=alice" in capsys.readouterr().out
    assert main(["pki", "match", "O=Example,CN=b*", one, "--also", "CN=?"]) == 1
    said = capsys.readouterr().out
    assert "not let in" in said
    assert "* runs across fields" in said
    assert "? stands for any character" in said
    assert main(["pki", "match", "CN=a"]) == 3


def test_match_tells_where_old_and_new_rules_differ(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "match", "CN=[ab]", "--subject", "CN=a"]) == 1
    assert "by the rules of old libvirt (fnmatch) it is let in" in capsys.readouterr().out
    assert main(["pki", "match", "CN=[ab]", "--subject", "CN=a", "--rules", "old"]) == 0
    said = capsys.readouterr().out
    assert "by today's rules it is not let in" in said
    assert "brackets are a set of characters" in said
