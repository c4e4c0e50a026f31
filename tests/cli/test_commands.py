"""The commands as a user runs them: what they print, what they write and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.kit import domain
from virtwarden.cli import VERBS, main
from virtwarden.cli.audit import COMMANDS
from virtwarden.controls import every_control
from virtwarden.report import FORMATS

CONSOLE = "<graphics type='vnc' port='5901' listen='0.0.0.0'/>"
STATIC = "<seclabel type='static' model='selinux'><label>system_u:system_r:svirt_t:s0:c1,c2</label></seclabel>"
CONTROL = "labels-dynamic"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A mounted image of a host with one guest whose console is open to all."""
    root = tmp_path / "image"
    for path, text in {
        "etc/hostname": "kvm7\n",
        "usr/sbin/libvirtd": "",
        "etc/libvirt/qemu.conf": 'vnc_password = "sesame42"\n',
        "etc/libvirt/qemu/web.xml": domain(CONSOLE, extra=STATIC),
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def scan(image: Path, *options: str) -> int:
    return main(["scan", "--root", str(image), *options])


@pytest.fixture(autouse=True)
def _no_site_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("virtwarden.cli.options.POLICY_FILE", tmp_path / "no-policy.toml")


def test_help_and_version_import_nothing_heavy() -> None:
    for option in ("--help", "--version"):
        code = f"import sys; from virtwarden.cli import main; main([{option!r}]); print(*sys.modules)"
        modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert not {"msgspec", "rich", "lxml", "argparse", "cryptography", "jinja2", "re"} & set(
            modules.split()[-400:]
        )


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert [verb for verb in VERBS if f"  {verb} " not in out] == []
    assert main([]) == 3
    assert main(["--version"]) == 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _asked_for_help(verb) == 0
    assert f"usage: virt-warden {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_audit_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _asked_for_help("audit", name) == 0
    assert f"usage: virt-warden audit {name}" in capsys.readouterr().out


def _asked_for_help(*words: str) -> object:
    try:
        return main([*words, "--help"])
    except SystemExit as end:  # as argparse ends it
        return end.code


def test_a_failure_exits_with_one_and_shows_what_decided(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(image, "--control", "vnc-requires-tls") == 1
    out = capsys.readouterr().out
    assert "VNC on 0.0.0.0 is in the clear" in out
    assert "/etc/libvirt/qemu/web.xml:" in out


def test_a_pass_exits_with_zero_and_the_unknown_with_two(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(image, "--control", "qemu-settings-not-weakened") == 0
    assert scan(image, "--control", "cpu-vulnerabilities-mitigated") == 2
    assert "is not part of an image" in capsys.readouterr().out


def test_a_chapter_stands_for_its_controls(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan(image, "--control", "console", "qemu-settings-not-weakened", "--format", "json")
    outcomes = json.loads(capsys.readouterr().out)["outcomes"]
    chapters = Counter(outcome["chapter"] for outcome in outcomes)
    wanted = sum(control.chapter == "console" for control in every_control())
    assert chapters == {"console": wanted, "tcb": 1}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--control", "vnc-require-tls"],
            "control vnc-require-tls does not exist; did you mean vnc-requires-tls?",
        ),
        (["--profile", "stict"], "profile stict does not exist; did you mean strict?"),
        (["--policy", "/nowhere/policy.toml"], "/nowhere/policy.toml cannot be read: No such file"),
        (["--standard", "bsi"], "standard bsi does not exist; did you mean bsi-sys-1-5?"),
        (["--guest", "wbe"], "guest wbe does not exist; did you mean web?"),
        (["--baseline", "/nowhere.json"], "/nowhere.json cannot be read"),
        (["--format", "pdf"], "invalid choice: 'pdf'"),
        (["--standard", "anssi-bp-028", "--format", "html"], "--standard gives text or json, not html"),
        (["--output", "/nowhere/r.txt"], "cannot write /nowhere/r.txt: No such file or directory"),
        (["--nonsense"], "unrecognized arguments: --nonsense; virt-warden scan --help shows the options"),
        (["--snpashot=x"], "unrecognized arguments: --snpashot=x; did you mean --snapshot?"),
        (["--control", "nope"], "control nope does not exist; virt-warden controls lists them"),
        (["--guest", "nope"], "guest nope does not exist; known are web"),
        (
            ["--profile", "/nowhere/x.toml"],
            "the profile /nowhere/x.toml cannot be read: No such file or directory",
        ),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_exit_code_three(
    image: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan(image, *options) == 3
    err = capsys.readouterr().err
    assert says in err
    assert err.startswith("virt-warden: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["scan", "--root", "/nowhere/at/all"],
        ["scan", "--snapshot", "/nowhere.jsonl"],
        ["scan", "--sosreport", "/nowhere.tar.xz"],
        ["scan", "--snapshot", "/etc/passwd"],
        ["scan", "--sosreport", "/etc/passwd"],
        ["scan", "--host", "ftp://kvm7"],
        ["scan", "--root", "/", "--snapshot", "x"],
        ["explain", "nothing"],
        ["explain"],
        ["diff", "/nowhere.json", "/nowhere.json"],
        ["diff", "/etc/passwd", "/etc/passwd"],
        ["controls", "--profile", "nothing"],
        ["capture", "/nowhere/at/all.jsonl", "--root", "/etc/libvirt-nowhere"],
        ["scna"],
        ["zzz"],
    ],
)
def test_sources_and_files_that_are_none_are_wrong_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 3
    err = capsys.readouterr().err
    assert err.startswith("virt-warden: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scna"], "there is no command scna; did you mean scan?"),
        (["zzz"], "there is no command zzz; virt-warden --help lists them"),
        (["scan", "--sosreport", "/nowhere.tar.xz"], "/nowhere.tar.xz cannot be read: no such file or directory"),
        (["scan", "--root", "/nowhere/at/all"], "there is no directory /nowhere/at/all"),
        (["scan", "--host", "kvm7"], "a host over SSH is written ssh://[user@]host[:port], without a password"),
        (["scan", "--host", "ssh://"], "a host over SSH is written ssh://[user@]host[:port], without a password"),
    ],
)
def test_a_mistake_is_told_together_with_what_to_do(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 3
    assert capsys.readouterr().err == f"virt-warden: {says}\n"


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_can_be_written_to_a_file(image: Path, form: str, tmp_path: Path) -> None:
    target = tmp_path / f"report{FORMATS[form].suffixes[0]}"
    assert scan(image, "--output", str(target)) in (1, 2)
    assert target.stat().st_size > 500
    assert list(tmp_path.glob(".report*")) == []


def test_a_secret_of_the_host_is_in_no_report(image: Path, tmp_path: Path) -> None:
    for form in FORMATS:
        target = tmp_path / f"{form}.out"
        scan(image, "--format", form, "--output", str(target))
        assert b"sesame42" not in target.read_bytes()


def test_a_baseline_fails_only_on_what_is_new(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = str(tmp_path / "before.json")
    assert scan(image, "--control", CONTROL, "--output", before) == 1
    assert scan(image, "--control", CONTROL, "--baseline", before) == 0
    assert "0 new" in capsys.readouterr().out
    (image / "etc/libvirt/qemu/db.xml").write_text(domain(name="db", extra=STATIC))
    assert scan(image, "--control", CONTROL, "--baseline", before) == 1
    assert "db" in capsys.readouterr().out


def test_a_baseline_of_one_guest_leaves_the_others_out(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (image / "etc/libvirt/qemu/db.xml").write_text(domain(name="db", extra=STATIC))
    before = str(tmp_path / "before.json")
    scan(image, "--output", before)
    assert scan(image, "--guest", "web", "--baseline", before) == 0
    assert "0 new   0 gone" in capsys.readouterr().out


def test_two_reports_are_compared(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = str(tmp_path / "before.json"), str(tmp_path / "after.json")
    scan(image, "--control", CONTROL, "--output", before)
    (image / "etc/libvirt/qemu/web.xml").write_text(domain())
    scan(image, "--control", CONTROL, "--output", after)
    assert main(["diff", before, after]) == 0
    assert "1 gone" in capsys.readouterr().out
    assert main(["diff", after, before]) == 1


def test_a_site_policy_that_cannot_be_looked_at_is_told(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("virtwarden.cli.options.POLICY_FILE", Path("/etc", "x" * 300))
    assert scan(image) == 3
    assert "cannot be read: File name too long" in capsys.readouterr().err


def test_a_waiver_of_the_policy_excuses_until_it_ends(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.toml"
    text = f'[[waiver]]\ncontrol = "{CONTROL}"\nreason = "lab"\nowner = "anna"\nends = {{}}\n'
    policy.write_text(text.format("2999-12-31"))
    assert scan(image, "--control", CONTROL, "--policy", str(policy)) == 0
    assert "anna" in capsys.readouterr().out
    policy.write_text(text.format("2001-01-01"))
    assert scan(image, "--control", CONTROL, "--policy", str(policy)) == 1
    assert "expired" in capsys.readouterr().out
    policy.write_text(text.format("2999-12-31").replace(CONTROL, "label-dynamic"))
    assert scan(image, "--policy", str(policy)) == 3


def test_a_scan_can_be_narrowed(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    scan(image, "--guest", "web", "--output", str(target))
    findings = [f for outcome in json.loads(target.read_text())["outcomes"] for f in outcome["findings"]]
    assert findings
    assert {finding["subject"]["kind"] for finding in findings} == {"guest"}
    scan(image, "--severity", "high", "--output", str(target))
    assert {outcome["severity"] for outcome in json.loads(target.read_text())["outcomes"]} == {"high"}


def test_a_guest_cannot_be_asked_for_where_there_is_no_libvirt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc").mkdir()
    assert main(["scan", "--root", str(tmp_path), "--guest", "web"]) == 3
    assert "there is no guest web: libvirt is not installed" in capsys.readouterr().err


def test_a_standard_groups_the_report(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(image, "--standard", "bsi-sys-1-5") in (1, 2)
    assert "A5" in capsys.readouterr().out
    assert scan(image, "--standard", "bsi-sys-1-5", "--format", "json") in (1, 2)
    assert json.loads(capsys.readouterr().out)["standard"] == "bsi-sys-1-5"


def test_a_capture_gives_the_report_of_the_host_itself(image: Path, tmp_path: Path) -> None:
    recording, live, replayed = (str(tmp_path / name) for name in ("r.jsonl.gz", "live.json", "replayed.json"))
    assert main(["capture", recording, "--root", str(image)]) == 0
    assert os.stat(recording).st_mode & 0o777 == 0o600
    assert scan(image, "--output", live) == main(["scan", "--snapshot", recording, "--output", replayed])
    assert timeless(live) == timeless(replayed)


def timeless(path: str) -> object:
    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key not in ("at", "taken_at")}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return strip(json.loads(Path(path).read_text()))


def test_every_control_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *(control.id for control in every_control())]) == 0
    out = capsys.readouterr().out
    assert out.count("How it is judged:") == len(every_control())


def test_controls_profiles_and_standards_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["controls"]) == 0
    out = capsys.readouterr().out
    assert all(control.id in out for control in every_control())
    assert "Standards" in out
    assert main(["controls", "--profile", "blueprint"]) == 0


def test_a_reader_that_goes_away_is_no_error_and_no_pass(image: Path) -> None:
    command = [sys.executable, "-m", "virtwarden", "scan", "--root", str(image), "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def _ended(words: str, out: int) -> tuple[int, str]:
    """How a command that writes to this descriptor ends, and what it complains of."""
    argv = [sys.executable, "-m", "virtwarden", *words.split()]
    ended = subprocess.run(argv, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("words", ["demo --output /dev/null", "controls", "explain vnc-requires-tls"])
def test_a_full_disk_is_told_in_a_sentence(words: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    said = "virt-warden: standard output takes no more: No space left on device\n"
    assert _ended(words, full) == (3, said)
    os.close(full)


def test_what_was_cut_off_is_no_pass() -> None:
    to_read, to_write = os.pipe()
    os.close(to_read)
    assert _ended("controls", to_write) == (141, "")
    os.close(to_write)
