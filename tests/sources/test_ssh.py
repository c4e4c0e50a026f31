"""A distant host: what is asked of its shell, what is made of the replies, and what happens when it is gone.

The connection is a stand-in for the client that runs the script here, in every shell this machine has; the
answers are held against those of the local source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit import NOW
from virtwarden.host import Absent, Output, Source, Unknown, Want, heading, looking, reading, running
from virtwarden.sources import SourceError, shell, sshurl
from virtwarden.sources.local import Local
from virtwarden.sources.remotereply import Stream
from virtwarden.sources.remotescript import List, Look, Run, prelude, shell_pattern
from virtwarden.sources.ssh import Ssh
from virtwarden.sources.sshurl import Address

SHELLS = [name for name in ("dash", "bash", "busybox", "ksh", "mksh", "yash") if shutil.which(name)]
HOSTILE = [
    "we ird\nname.xml",
    "q'\"$(touch x)`touch y`.xml",
    "-rf.xml",
    "[a].xml",
    "\\n\\000.xml",
    "\udcff\udc80.xml",
    "ü.xml",
    "a: No such file or directory.xml",
    "*.xml",
    " .xml",
]
Client = Callable[[str], None]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Makes a program `ssh` of this shell script, in which $COMMAND is what ssh would run on the host."""
    directory = tmp_path / "client"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")

    def make(script: str) -> None:
        program = directory / "ssh"
        program.write_text(f"#!/bin/sh\nfor COMMAND; do :; done\n{script}\n")
        program.chmod(0o755)

    return make


@pytest.fixture(params=SHELLS)
def distant(request: pytest.FixtureRequest, tmp_path: Path, client: Client) -> Iterator[Ssh]:
    """A host whose `sh` is one of the shells, and that greets whoever logs in."""
    shells = tmp_path / "shells"
    shells.mkdir()
    applets = ["sh", "stat", "readlink", "head", "timeout", "env"] if request.param == "busybox" else ["sh"]
    for applet in applets:
        (shells / applet).symlink_to(str(shutil.which(request.param)))
    client(f'echo "Welcome"; echo "Last login" >&2; PATH={shells}:$PATH; export PATH; exec sh -c "$COMMAND"')
    with closing(Ssh("ssh://root@kvm7")) as source:
        yield source


def asked(source: Source, verb: str, *words: str | int) -> object:
    """The answer without its time, or what the refusal says."""
    try:
        answer = getattr(source, verb)(*words)
    except (Absent, Unknown) as refused:
        return type(refused).__name__, str(refused)
    return answer if isinstance(answer, list) else replace(answer, at=NOW)


def populate(directory: Path) -> None:
    for name in HOSTILE:
        (directory / name).write_bytes(b"\0\xff\n" + name.encode("utf-8", "surrogateescape"))
    (directory / "empty.xml").write_text("")
    (directory / "big.xml").write_bytes(b"x\n" * 100_000)
    (directory / "link.xml").symlink_to("big.xml")
    (directory / "dangling.xml").symlink_to("gone")
    (directory / "loop.xml").symlink_to("loop.xml")
    (directory / "sub").mkdir()
    (directory / "sub/in.xml").write_text("in")
    (directory / "via").symlink_to("sub")
    os.mkfifo(directory / "pipe.xml")
    (directory / "big.xml").chmod(0o4751)


def test_one_path_is_answered_as_by_the_local_source(distant: Ssh, tmp_path: Path) -> None:
    populate(tmp_path)
    local = Local()
    names = [*HOSTILE, "empty.xml", "big.xml", "link.xml", "dangling.xml", "loop.xml", "sub", "pipe.xml", "gone",
             "big.xml/below", "via/in.xml", "via/../big.xml", "via/.", "sub/", "gone/x"]  # fmt: skip
    paths = [f"{tmp_path}/{name}" for name in names]
    paths += [
        "/",
        "/etc/passwd",
        "/dev/null",
        "/proc/1/ns/mnt",
        "/proc/1/cmdline",
        "/nowhere",
        "relative",
        "/a\0b",
    ]
    for path in paths:
        if path != "/a\0b":
            assert asked(distant, "stat", path) == asked(local, "stat", path)
            assert asked(distant, "read", path) == asked(local, "read", path)
            assert asked(distant, "head", path, 5) == asked(local, "head", path, 5)
        else:
            with pytest.raises(Unknown, match="cannot be asked for"):
                distant.read(path)


def test_patterns_are_answered_as_by_the_local_source(distant: Ssh, tmp_path: Path) -> None:
    populate(tmp_path)
    with pytest.raises(Unknown, match="too many levels of symbolic links"):
        distant.glob(f"{tmp_path}/*/*.xml")
    (tmp_path / "loop.xml").unlink()
    for pattern in ("*.xml", "*/in*.xml", "*/in.xml", "[b-e]*.xml", "[!a-z]*.xml", "?*", ".*", "gone/*", "*.none",
                    "big.xml", "dangling.xml", "gone", "big.xml/*", "s*b/*", "'*", "-*", "*\n*"):  # fmt: skip
        there, here = (asked(source, "glob", f"{tmp_path}/{pattern}") for source in (distant, Local()))
        assert there == here, pattern
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "y").exists()


def test_commands_are_answered_as_by_the_local_source(distant: Ssh) -> None:
    for argv in (
        ("printf", "a\\n\\000\\377\\n\\n"),
        ("sh", "-c", "echo out; echo err >&2; exit 7"),
        ("sh", "-c", 'cat; echo "$LC_ALL"'),
        ("echo", "it's", '"$HOME"', "a b", "", "*", "ü\udcff", "-n"),
        ("true",),
        ("false",),
        ("no-such-command", "-x"),
        ("/etc/passwd",),
        ("/no/such/command",),
    ):
        assert asked(distant, "run", *argv) == asked(Local(), "run", *argv), argv


def test_one_trip_gets_everything_and_nothing_is_asked_twice(distant: Ssh, tmp_path: Path) -> None:
    populate(tmp_path)
    local = Local()
    (tmp_path / "many").mkdir()
    for number in range(230):
        (tmp_path / f"many/{number:03}.xml").write_text(str(number))
    paths = [*local.glob(f"{tmp_path}/*.xml"), f"{tmp_path}/gone.xml", "/etc/passwd"]
    distant.fetch(
        [
            reading(f"{tmp_path}/*.xml"),
            reading(f"{tmp_path}/many/*"),
            *(looking(f"{tmp_path}/many/{number:03}.xml") for number in range(150)),
            reading("/etc/passwd"),
            reading(f"{tmp_path}/gone.xml"),
            looking(f"{tmp_path}/dangling.xml"),
            heading("/etc/passwd", 3),
            heading("/etc/none", 3),
            running("uname", "-a"),
            running("uname", "-a"),
            reading("relative"),
            reading("/a\0b"),
        ]
    )
    distant.fetch([reading("/etc/passwd"), running("uname", "-a")])
    for pattern in (f"{tmp_path}/*.xml", f"{tmp_path}/many/*", "/etc/passwd", f"{tmp_path}/dangling.xml"):
        assert asked(distant, "glob", pattern) == asked(local, "glob", pattern)
    for path in [path for path in (*paths, *local.glob(f"{tmp_path}/many/*")) if path != f"{tmp_path}/*.xml"]:
        assert asked(distant, "read", path) == asked(local, "read", path), path
        assert asked(distant, "stat", path) == asked(local, "stat", path), path
    assert asked(distant, "head", "/etc/passwd", 3) == asked(local, "head", "/etc/passwd", 3)
    assert asked(distant, "head", "/etc/none", 3) == asked(local, "head", "/etc/none", 3)
    assert asked(distant, "run", "uname", "-a") == asked(local, "run", "uname", "-a")
    assert distant.trips == 1


def test_answers_that_look_like_the_frame_are_kept_apart(distant: Ssh, tmp_path: Path) -> None:
    word = distant._word
    text = f"\n{word}x b 1\n{word[:-1]}\n\n{word} b\n" * 3
    (tmp_path / "x").write_text(text)
    (tmp_path / "y").write_text("y")
    distant.fetch([reading(f"{tmp_path}/x"), reading(f"{tmp_path}/y")])
    assert distant.read(f"{tmp_path}/x").text == text
    assert distant.read(f"{tmp_path}/y").text == "y"


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A directory that everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_what_is_refused_there_is_unknown_here(client: Client, public_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become somebody else")
    tmp_path = public_path
    client('exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "$COMMAND"')
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "in.xml").write_text("")
    closed.chmod(0o700)
    listed = tmp_path / "listed"
    listed.mkdir()
    (listed / "in").mkdir()
    listed.chmod(0o744)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "mine").chmod(0o600)
    with closing(Ssh("ssh://kvm7")) as source:
        source.fetch([reading(f"{tmp_path}/mine"), reading(f"{closed}/*.xml"), looking(f"{closed}/in.xml")])
        assert asked(source, "read", f"{tmp_path}/mine") == ("Unknown", f"{tmp_path}/mine: permission denied")
        assert source.stat(f"{tmp_path}/mine").mode == 0o600
        for pattern in (f"{closed}/*.xml", f"{tmp_path}/*/*.xml"):
            assert asked(source, "glob", pattern) == ("Unknown", f"{closed}: permission denied")
        assert asked(source, "glob", f"{closed}/sub/*") == ("Unknown", f"{closed}/sub: permission denied")
        assert asked(source, "glob", f"{listed}/*/x") == ("Unknown", f"{listed}: permission denied")
        for verb in ("stat", "read", "glob"):
            refused = asked(source, verb, f"{closed}/in.xml")
            assert refused == ("Unknown", f"{closed}/in.xml: permission denied")


@pytest.mark.skipif(not shutil.which("timeout"), reason="there is no timeout here")
def test_a_command_that_hangs_there_costs_no_more_than_its_time(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virtwarden.sources.remotescript.TIMEOUT", 1)
    client('exec sh -c "$COMMAND"')
    with closing(Ssh("ssh://kvm7")) as source:
        started = time.monotonic()
        source.fetch([running("sh", "-c", "sleep 60 & sleep 60"), running("echo", "on")])
        assert time.monotonic() - started < 20
        with pytest.raises(Unknown, match="did not end within"):
            source.run("sh", "-c", "sleep 60 & sleep 60")
        assert source.run("echo", "on").stdout == "on\n"


def test_a_command_that_floods_is_cut_off_and_the_next_is_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("remotescript", "remotereply"):
        monkeypatch.setattr(f"virtwarden.sources.{module}.OUTPUT_LIMIT", 100_000)
    client('exec sh -c "$COMMAND"')
    loud = ("sh", "-c", "head -c 200000 /dev/zero >&2")
    with closing(Ssh("ssh://kvm7")) as source:
        source.fetch([running("yes"), running(*loud), running("echo", "on")])
        for argv in (("yes",), loud):
            with pytest.raises(Unknown, match="printed more than 100000 bytes"):
                source.run(*argv)
        assert source.run("echo", "on").stdout == "on\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'root@kvm7: Permission denied (publickey).' >&2; exit 255", "Permission denied \\(publickey\\)"),
        ("printf 'No key is known.\\r\\nHost key verification failed.\\r\\n' >&2; exit 255",
         "No key is known.; Host key verification failed"),
        ("printf '\\033[31mred\\033[0m\\n' >&2; exit 1", "kvm7: .31mred"),
        ("exit 255", "the connection ended \\(exit 255\\) and ssh said nothing"),
        ("echo hello; exit 0", "the connection ended \\(exit 0\\)"),
        ("exec >&-; sleep 0.2; echo late words >&2", "late words"),
    ],
)  # fmt: skip
def test_a_log_in_that_fails_is_told_in_the_words_of_ssh(client: Client, script: str, words: str) -> None:
    client(script)
    with pytest.raises(SourceError, match=words) as refused:
        Ssh("ssh://root@kvm7")
    assert str(refused.value).startswith("ssh://root@kvm7: ")
    assert "\033" not in str(refused.value)


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SourceError, match="ssh cannot be run here: no such file"):
        Ssh("ssh://kvm7")


def test_a_host_that_says_nothing_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "LOG_IN_LIMIT", 0.5)
    client("sleep 60")
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"given up after 0\.5 s of silence"):
        Ssh("ssh://kvm7")
    assert time.monotonic() - started < 10


def test_after_the_connection_is_lost_what_came_is_kept_and_the_rest_is_unknown(
    client: Client, tmp_path: Path
) -> None:
    client(f'echo $$ > {tmp_path}/pid; exec sh -c "$COMMAND"')
    with closing(Ssh("ssh://kvm7")) as source:
        source.fetch(
            [running("echo", "first"), running("sh", "-c", f"kill -9 $(cat {tmp_path}/pid)"), running("id")]
        )
        assert source.run("echo", "first").stdout == "first\n"
        trips = source.trips
        source.fetch([reading("/etc/passwd")])
        for verb, word in (("run", "id"), ("read", "/etc/passwd"), ("glob", "/etc/*"), ("stat", "/")):
            with pytest.raises(Unknown, match="ssh://kvm7: the connection ended"):
                getattr(source, verb)(word)
        assert source.trips == trips


def test_nothing_is_left_behind(client: Client, tmp_path: Path) -> None:
    client(f'echo $$ > {tmp_path}/pid; exec sh -c "$COMMAND"')
    before = len(os.listdir("/proc/self/fd"))
    source = Ssh("ssh://kvm7")
    source.run("true")
    source.close()
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}")
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_client_is_started_without_a_terminal_and_never_asks(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sshurl.CONFIG_VARIABLE, "/etc/my config")
    client(f'printf "%s\\n" "$@" > {tmp_path}/argv; exec sh -c "$COMMAND"')
    Ssh("ssh://admin@[fe80::1%eth0]:2222").close()
    argv = (tmp_path / "argv").read_text().splitlines()
    assert argv[:5] == ["-T", "-a", "-x", "-F", "/etc/my config"]
    assert "-oBatchMode=yes" in argv
    assert argv[-8:] == ["-oPermitLocalCommand=no", "-l", "admin", "-p", "2222", "--", "fe80::1%eth0", argv[-1]]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ssh://kvm7", Address("kvm7")),
        ("ssh://kvm7/", Address("kvm7")),
        ("ssh://root@kvm7.example.org:22", Address("kvm7.example.org", "root", 22)),
        ("ssh://user@corp@kvm_7", Address("kvm_7", "user@corp")),
        ("ssh://[2001:db8::7]", Address("2001:db8::7")),
        ("ssh://192.0.2.7:65535", Address("192.0.2.7", None, 65535)),
    ],
)
def test_addresses_are_what_their_urls_name(url: str, address: Address) -> None:
    assert sshurl.parse(url) == address


@pytest.mark.parametrize(
    "url",
    ["", "kvm7", "root@kvm7", "http://kvm7", "ssh://", "ssh://root@", "ssh://-oProxyCommand=x", "ssh://-x@kvm7",
     "ssh://a b", "ssh://kvm7;id", "ssh://$(id)@kvm7", "ssh://kvm7\n", "ssh://kvm7:0", "ssh://kvm7:65536", "ssh://kvm7:x",
     "ssh://kvm7:²", "ssh://root:secret@kvm7", "ssh://[kvm7]", "ssh://[::1", "ssh://::1", "ssh://[::1%-x]", "ssh://kvm7/path",
     "ssh://kvm7:" + "9" * 5000, "ssh://a@b@c@kvm7", "ssh://kvm7\0"],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_no_password_is_repeated(url: str) -> None:
    with pytest.raises(SourceError) as refused:
        sshurl.parse(url)
    assert "secret" not in str(refused.value)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1)
)
def test_words_reach_a_command_as_they_are(words: list[str]) -> None:
    script = f"vw_run() {{ shift; printf '%s\\0' \"$@\"; }}\n{Run(('x', *words)).script(1)}"
    done = subprocess.run(["sh"], input=script.encode(), capture_output=True, timeout=60, check=True)
    assert done.stdout == "".join(f"{word}\0" for word in ("x", *words)).encode()


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("/etc/*.xml", "/etc/*.xml"),
        ("/a b/$x/[!a-z]?", "'/a b/$x/'[!a-z]?"),
        ("/[$(id)]*", "'/[$(id)]'*"),
        ("/[]", "'/[]'"),
        ("/plain", "/plain"),
    ],
)
def test_of_a_pattern_only_what_makes_it_one_is_left_to_the_shell(pattern: str, word: str) -> None:
    assert shell_pattern(pattern) == word


def test_a_pattern_asks_for_the_directories_it_passes() -> None:
    script = List("/a/*/b/c*", "0").script(3).splitlines()
    assert script[1:4] == ["vw_may r /a", "vw_may x /a/*", "vw_may r /a/*/b"]
    assert Look(("/a b",), "0").script(1) == "vw_look 1 0 '/a b'\n"


def test_the_script_holds_no_placeholder_and_is_understood_by_every_shell() -> None:
    text = prelude("w")
    assert "@" not in text.replace('"$@"', "")
    for name in SHELLS:
        words = ["busybox", "sh", "-n"] if name == "busybox" else [name, "-n"]
        subprocess.run(words, input=text.encode(), check=True, timeout=60)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.binary(max_size=30), st.integers(0, 255)), max_size=6), st.data())
def test_replies_are_the_same_however_the_stream_is_cut(
    replies: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    whole = b"noise"
    for number, (payload, code) in enumerate(replies):
        whole += b"\nword b %d\n%s\nword e %d %d\n" % (number, payload, number, code)
    whole += b"\nword z 4\nmore noise"
    stream = Stream(b"word")
    while whole:
        cut = data.draw(st.integers(1, len(whole)))
        stream.feed(whole[:cut])
        whole = whole[cut:]
    stream.end()
    assert [bytes(stream.replies[str(number)]) for number in range(len(replies))] == [
        payload for payload, _ in replies
    ]
    assert [stream.codes[str(number)] for number in range(len(replies))] == [str(code) for _, code in replies]
    assert stream.batch == 4
    assert stream.noise.startswith(b"noise")
    assert stream.noise.endswith(b"more noise")


def test_what_is_wanted_is_what_is_asked(client: Client) -> None:
    client('exec sh -c "$COMMAND"')
    with closing(Ssh("ssh://kvm7")) as source:
        source.fetch([])
        assert source.trips == 0
        output = source.run("echo", "x")
        assert isinstance(output, Output)
        assert output.at >= source.taken_at
        source.fetch([Want("run", ("echo", "x"))])
        assert source.name == "ssh://kvm7"
