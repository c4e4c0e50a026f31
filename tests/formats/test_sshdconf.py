"""sshd_config, held against sshd's own `-T` where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from virtwarden.formats import Malformed, sshdconf
from virtwarden.formats.sshdconf import Setting, effective, including

FILE = """\
# a comment
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin no
permitrootlogin yes   # comes too late
AllowUsers admin "op erator"
AllowUsers third
Match User virt Address 192.0.2.0/24
    AllowTcpForwarding local
    PermitOpen 127.0.0.1:5900 127.0.0.1:5901
Match all
    X11Forwarding no
"""


def values(text: str) -> dict[str, list[str]]:
    """What holds for everybody: keyword to the words of its lines."""
    held = effective(sshdconf.parse(text))
    return {keyword: [word for setting in found for word in setting.arguments] for keyword, found in held.items()}


def test_settings_know_their_line_and_the_block_they_stand_in() -> None:
    found = sshdconf.parse(FILE, "/etc/ssh/sshd_config")
    assert [(setting.keyword, setting.line) for setting in found] == [
        ("include", 2), ("permitrootlogin", 3), ("permitrootlogin", 4), ("allowusers", 5), ("allowusers", 6),
        ("allowtcpforwarding", 8), ("permitopen", 9), ("x11forwarding", 11),
    ]  # fmt: skip
    assert found[5].match == ("User virt Address 192.0.2.0/24",)
    assert found[6].value == "127.0.0.1:5900 127.0.0.1:5901"
    assert found[7].match == ("all",)
    assert {setting.path for setting in found} == {"/etc/ssh/sshd_config"}


def test_what_holds_for_everybody() -> None:
    held = values(FILE)
    assert held["permitrootlogin"] == ["no"]
    assert held["allowusers"] == ["admin", "op erator", "third"]
    assert held["x11forwarding"] == ["no"]
    assert "allowtcpforwarding" not in held


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("PermitRootLogin\n", 1),
        ('\nBanner "open\n', 2),
        ("Match\n", 1),
        ("Match all User x\n", 1),
        ("= no\n", 1),
        ("PermitRootLogin # no\n", 1),
    ],
)
def test_what_sshd_would_not_start_with_is_malformed(text: str, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        sshdconf.parse(text)
    assert refused.value.line == line


def test_an_included_file_stands_where_it_is_included() -> None:
    files = {
        "/etc/ssh/sshd_config.d/*.conf": ["PermitRootLogin yes\nMatch User a\nX11Forwarding yes\n", "Port 2222\n"],
        "inner": ["Banner /x\n"],
    }

    def read(pattern: str) -> Iterator[tuple[Setting, ...]]:
        return (sshdconf.parse(text, pattern) for text in files[pattern])

    found = including(sshdconf.parse(FILE + "Match User b\nInclude inner\n"), read)
    held = effective(found)
    assert held["permitrootlogin"][0].value == "yes"
    assert held["port"][0].match == ()
    assert [setting.match for setting in found if setting.keyword == "banner"] == [("User b",)]
    assert "banner" not in held


def test_a_file_that_includes_itself_is_malformed() -> None:
    with pytest.raises(Malformed, match="too deep"):
        including(sshdconf.parse("Include me\n"), lambda _: [sshdconf.parse("Include me\n")])


Sshd = Callable[[str], dict[str, list[str]] | None]


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    """What sshd itself says that holds, as lists of words; None where it refuses the file."""
    program, keygen = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin"), shutil.which("ssh-keygen")
    if program is None or keygen is None:
        pytest.skip("there is no sshd to ask")
    with tempfile.TemporaryDirectory(prefix="sshd-oracle-") as name:
        folder = Path(name)
        file, key = folder / "config", folder / "key"
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        nobody = 65534 if os.geteuid() == 0 else None  # as root it wants its own folder in /run
        if nobody is not None:
            for path in (folder, key):
                os.chown(path, nobody, nobody)

        def ask(text: str) -> dict[str, list[str]] | None:
            file.write_text(f"HostKey {key}\n{text}")
            told = subprocess.run(
                [program, "-T", "-f", str(file), "-C", "user=x,host=h,addr=192.0.2.9"],
                capture_output=True, text=True, check=False, user=nobody,
            )  # fmt: skip
            if told.returncode:
                assert "line" in told.stderr, told.stderr
                return None
            held: dict[str, list[str]] = {}
            for line in told.stdout.splitlines():
                keyword, _, value = line.partition(" ")
                held.setdefault(keyword, []).append(value)
            return held

        yield ask


@pytest.mark.parametrize(
    "text",
    [
        "PermitRootLogin no\nPermitRootLogin yes\n",
        "PermitRootLogin no\nMatch all\nPermitRootLogin yes\n",
        "PermitRootLogin no\nMatch all\nPermitRootLogin yes\nMatch all\nPermitRootLogin no\n",
        "PermitRootLogin no\nMatch User other\nPermitRootLogin yes\n",
        "PermitRootLogin = no\n",
        "PermitRootLogin=no # really\n",
        '"PermitRootLogin" "no"\n',
        "permitrootlogin 'no'\r\n",
        "\t PermitRootLogin\tno \t\n",
        "Port 1022\nPort 1023\n",
        "AllowUsers a b\nAllowUsers c # d\n",
        "AllowUsers a\nMatch all\nAllowUsers b\nAllowUsers c\n",
        "AllowUsers a#b\n",
        "AcceptEnv A B\nAcceptEnv C\n",
        "SetEnv A=1\nSetEnv B=2\n",
        "PermitOpen a:1\nPermitOpen b:2\n",
        "Banner /a\"b c\"d'e f'\n",
        "Banner /a\\ b\n",
        'Banner "/a\\"b"\n',
        'Banner "/a\\ b"\n',
    ],
)
def test_sshd_reads_the_same(sshd: Sshd, text: str) -> None:
    told = sshd(text)
    assert told is not None
    for keyword, words in values(text).items():
        assert " ".join(words) == " ".join(told[keyword])


@pytest.mark.parametrize("text", ["PermitRootLogin\n", 'Banner "open\n', "Match\n", "Match all User x\n", "1 2\n"])
def test_sshd_refuses_the_same(sshd: Sshd, text: str) -> None:
    assert sshd(text) is None
    with pytest.raises(Malformed):
        sshdconf.parse(text)


@settings(max_examples=60)
@given(words=st.lists(st.text("ab#\"'\\ \t=", min_size=1, max_size=6), min_size=1, max_size=3))
def test_sshd_takes_words_apart_the_same(sshd: Sshd, words: list[str]) -> None:
    text = "AllowUsers x" + "".join(f" {word}" for word in words) + "\n"
    told = sshd(text)
    try:
        read: list[str] | None = values(text)["allowusers"]
    except Malformed:
        read = None
    assume(read is None or "" not in read)  # of no use as a user's name, and refused for that
    assert read == (None if told is None else told["allowusers"])
