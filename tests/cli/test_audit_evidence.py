"""`audit evidence` and `audit verify` as people run them: what they say, and with which code they end."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.events.made import Guest, Made
from tests.report.audit.lives import day
from virtwarden.cli import main
from virtwarden.events import events
from virtwarden.events.model import Skipped

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return day().write(tmp_path / "audit.log")


def _key(folder: Path, name: str = "key", *more: str) -> tuple[Path, Path]:
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", *more, "-out", private], check=True)
    private.chmod(0o600)
    given = ["-passin", "pass:secret"] if more else []
    subprocess.run(["openssl", "pkey", "-in", private, *given, "-pubout", "-out", public], check=True)
    return private, public


def _evidence(*words: object) -> int:
    return main(["audit", "evidence", *map(str, words)])


def _verify(*words: object) -> int:
    return main(["audit", "verify", *map(str, words)])


def test_what_was_made_verifies(tmp_path: Path, log: Path, capsys: Capture) -> None:
    bundle = tmp_path / "web.tar"
    assert _evidence("--vm", "web", "-o", bundle, log) == 0
    said = capsys.readouterr().out
    assert "4 sessions and" in said
    assert "of 1 log; not signed" in said
    digest = subprocess.run(["sha256sum", bundle], capture_output=True, text=True, check=True).stdout.split()[0]
    assert f"SHA-256 {digest}" in said
    assert _verify(bundle, "--against", log) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"{bundle}: sound"
    assert "asked for guest web: 4 sessions" in said


def test_a_signed_bundle_needs_its_key_to_be_told(tmp_path: Path, log: Path, capsys: Capture) -> None:
    private, public = _key(tmp_path)
    _, other = _key(tmp_path, "other")
    bundle = tmp_path / "web.tar"
    assert _evidence("--vm", "web", "-o", bundle, "--key", private, log) == 0
    assert "signed (Ed25519" in capsys.readouterr().out
    assert _verify(bundle) == 2
    assert f"{bundle}: cannot be told" in capsys.readouterr().out
    assert _verify(bundle, "--key", public) == 0
    assert _verify(bundle, "--key", other) == 1
    assert "signed by another key" in capsys.readouterr().out
    assert _verify(bundle, "--key", other, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["manifest"]["criteria"]["vm"]) == ("not sound", "web")
    assert {check["result"] for check in told["checks"]} == {"pass", "fail"}


def test_a_changed_bundle_is_not_sound_and_the_sentence_says_why(
    tmp_path: Path, log: Path, capsys: Capture
) -> None:
    bundle = tmp_path / "web.tar"
    _evidence("--vm", "web", "-o", bundle, log)
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b"reason=crashed", b"reason=stopped"))
    capsys.readouterr()
    assert _verify(bundle) == 1
    said = capsys.readouterr().out
    assert "records.log was changed" in said
    assert said.splitlines()[-1] == f"{bundle}: not sound"


def test_the_bundle_is_for_its_owner_alone(tmp_path: Path, log: Path) -> None:
    _evidence("--vm", "web", "-o", tmp_path / "web.tar", log)
    assert stat.S_IMODE((tmp_path / "web.tar").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--vm", "nobody"], "nothing in these logs is as was asked"),
        (["--vm", "web", "--key", "none.pem"], "the key none.pem cannot be read"),
        (["--vm", "web", "-o", "/nowhere/web.tar"], "cannot write /nowhere/web.tar: No such file or directory"),
        (["--vm", "web", "--start", "whenever"], "whenever is no time"),
        (["--id", "foo"], "foo is no id; write TIME.MS:SERIAL"),
        (["--id", "53"], "53 is no id; write TIME.MS:SERIAL"),
        (["--id", "/1.000:1"], "/1.000:1 is no id; write TIME.MS:SERIAL"),
        (["--session", "none", "--id", "1.000:1"], "of no session none and no event 1.000:1 of a guest"),
        (["--vm", "web", "-o", "-"], "not to standard output; name one"),
        (["--vm", "web", "-"], "it cannot be made of standard input"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    tmp_path: Path, log: Path, capsys: Capture, words: list[str], said: str
) -> None:
    assert _evidence("-o", tmp_path / "b.tar", *words, log) == 3
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def _first(log: Path) -> tuple[str, str, str]:
    """The host, session and id of some event of a guest."""
    event = next(each for each in events([str(log)], Skipped()) if each.session)
    return event.host, event.session or "", str(event.id)


def test_one_name_that_is_not_there_is_enough_for_no_bundle(tmp_path: Path, log: Path, capsys: Capture) -> None:
    _, session, id_ = _first(log)
    bundle = tmp_path / "b.tar"
    assert _evidence("--session", session, "--id", id_, "--id", "1.000:1", "-o", bundle, log) == 3
    assert (
        "these logs tell of no event 1.000:1 of a guest as was asked; no bundle is made" in capsys.readouterr().err
    )
    assert not bundle.exists()
    assert _evidence("--session", session, "--id", id_, "-o", bundle, log) == 0


def test_an_event_is_also_named_with_its_host(tmp_path: Path, capsys: Capture) -> None:
    log = day(host="kvm1").write(tmp_path / "audit.log")
    host, _, id_ = _first(log)
    assert host == "kvm1"
    assert _evidence("--id", f"kvm1/{id_}", "-o", tmp_path / "b.tar", log) == 0
    assert _verify(tmp_path / "b.tar") == 0
    assert f"event kvm1/{id_}" in capsys.readouterr().out
    assert _evidence("--id", f"kvm2/{id_}", "-o", tmp_path / "c.tar", log) == 3
    assert f"no event kvm2/{id_}" in capsys.readouterr().err


def test_nothing_is_replaced(tmp_path: Path, log: Path, capsys: Capture) -> None:
    assert _evidence("-o", log, log) == 3
    assert "evidence replaces nothing" in capsys.readouterr().err


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, log: Path, capsys: Capture) -> None:
    private, _ = _key(tmp_path)
    private.chmod(0o644)
    assert _evidence("-o", tmp_path / "b.tar", "--key", private, log) == 3
    assert "chmod 600 it" in capsys.readouterr().err


def test_a_passphrase_is_read_from_a_descriptor(tmp_path: Path, log: Path) -> None:
    private, public = _key(tmp_path, "key", "-aes256", "-pass", "pass:secret")
    for secret, code in ((b"secret\n", 0), (b"wrong\n", 3)):
        reading, writing = os.pipe()
        os.write(writing, secret)
        os.close(writing)
        bundle = tmp_path / f"{code}.tar"
        assert _evidence("-o", bundle, "--key", private, "--passphrase-fd", reading, log) == code
        os.close(reading)
    assert _verify(tmp_path / "0.tar", "--key", public) == 0


def test_a_passphrase_is_asked_for_at_the_terminal_and_not_shown(tmp_path: Path, log: Path) -> None:
    private, public = _key(tmp_path, "key", "-aes256", "-pass", "pass:secret")
    words = ["audit", "evidence", "-o", str(tmp_path / "b.tar"), "--key", str(private), str(log)]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "virtwarden", *words])
    said = b""
    while b"passphrase of" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"secret\n")
    try:
        while more := os.read(terminal, 1000):
            said += more
    except OSError:
        pass  # the child closed its end
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"secret" not in said
    assert _verify(tmp_path / "b.tar", "--key", public) == 0


def test_without_a_terminal_the_way_to_give_a_passphrase_is_named(tmp_path: Path, log: Path) -> None:
    private, _ = _key(tmp_path, "key", "-aes256", "-pass", "pass:secret")
    done = subprocess.run(
        [sys.executable, "-m", "virtwarden", "audit", "evidence", "-o", tmp_path / "b.tar", "--key", private, log],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "give it by --passphrase-fd" in done.stderr


def test_what_was_skipped_is_said(tmp_path: Path, log: Path, capsys: Capture) -> None:
    with log.open("ab") as file:
        file.write(b"type=VIRT_CONTROL msg=audit(garbage")
    assert _evidence("-o", tmp_path / "b.tar", log) == 0
    assert "in the midst of a line" in capsys.readouterr().err


def test_names_in_a_bundle_do_nothing_to_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    log = Made()
    log.start(Guest("\x1b[2Jx"))
    path = log.write(tmp_path / "audit.log")
    _evidence("--vm", "\x1b[2Jx", "-o", tmp_path / "b.tar", path)
    assert _verify(tmp_path / "b.tar") == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b\x08" + bytes(100), b"PK\x03\x04", bytes(2048)])
def test_what_is_no_bundle_is_not_sound(tmp_path: Path, capsys: Capture, data: bytes) -> None:
    (tmp_path / "b.tar").write_bytes(data)
    assert _verify(tmp_path / "b.tar") == 1
    assert "not sound" in capsys.readouterr().out


def test_a_bundle_that_cannot_be_read_and_a_key_that_is_none_are_wrong_usage(
    tmp_path: Path, log: Path, capsys: Capture
) -> None:
    assert _verify(tmp_path / "none.tar") == 3
    assert "none.tar cannot be read: No such file or directory" in capsys.readouterr().err
    _evidence("-o", tmp_path / "b.tar", log)
    assert _verify(tmp_path / "b.tar", "--key", log) == 3
    assert "neither a public key nor a certificate" in capsys.readouterr().err
