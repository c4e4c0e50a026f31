"""`virt-warden audit rules`: made, explained, linted and compared, on the terminal and as JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from virtwarden.cli import FAILED, PASSED, UNKNOWN, USAGE, main
from virtwarden.formats import auditrules

DEMO = Path(str(Path(__file__).parents[2] / "src/virtwarden/demo/host.jsonl.gz"))
SAMPLE = Path(__file__).parents[1] / "ruleset/blueprint-sample.rules"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A mounted image of a host with libvirt and a rules file of the site's own."""
    root = tmp_path / "image"
    for place in ("etc/libvirt", "var/lib/libvirt/images", "etc/audit/rules.d", "usr/sbin", "usr/bin", "lib64"):
        (root / place).mkdir(parents=True)
    for program in ("usr/sbin/libvirtd", "usr/bin/qemu-system-x86_64", "lib64/ld-linux-x86-64.so.2"):
        (root / program).write_bytes(b"")
    (root / "etc/audit/rules.d/site.rules").write_text("-w /etc/libvirt -p wa -k site\n")
    (root / "etc/audit/audit.rules").write_text("-w /etc/libvirt -p wa -k site\n-w /srv -p wa -k by_hand\n")
    return root


def run(*words: str) -> int:
    return main(["audit", "rules", *words])


def test_it_prints_the_files_as_they_would_be_written(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--root", str(image)) == PASSED
    out = capsys.readouterr().out
    assert out.startswith("### /etc/audit/rules.d/20-virtwarden-never.rules\n## Made by virt-warden.")
    assert "\n\n### /etc/audit/rules.d/45-virtwarden-virt.rules\n" in out
    assert "## virt_qemu_manual: emulators started by a person" in out
    read = auditrules.parse(out)
    assert read.broken == ()
    assert {rule.get("arch") for rule in read.rules} == {"b64", "b32"}


def test_what_it_prints_is_what_the_control_would_have_written(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--root", str(image))
    printed = capsys.readouterr().out
    out = str(tmp_path / "plan.json")
    main(["plan", "--root", str(image), "--control", "audit-covers-virtualization", "--out", out])
    plan = Path(out).read_text("utf-8")
    for line in printed.splitlines():
        if not line.startswith("###"):
            assert json.dumps(line)[1:-1] in plan


def test_as_json_each_rule_has_its_reason(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--root", str(image), "--json") == PASSED
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"files", "rules", "remarks"}
    images = [rule for rule in told["rules"] if rule["key"] == "virt_image_change"]
    assert [rule["path"] for rule in images] == ["/var/lib/libvirt/images"] * 2
    assert images[0]["for"].startswith("changes of guests' images")
    assert images[0]["rate"] == "next to none"


def test_a_host_without_libvirt_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "etc/audit/rules.d").mkdir(parents=True)
    assert run("--root", str(tmp_path)) == PASSED
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "virt-warden: there is no libvirt here to watch\n")


def test_explain_says_what_a_key_is_for_and_how_it_is_found(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", "virt_qemu_exec", "--root", str(image)) == PASSED
    out = capsys.readouterr().out
    assert out.startswith("virt_qemu_exec\n")
    assert "virt_qemu_exec\n  for       every other start of an emulator." in out
    assert "virt-warden audit search -k virt_qemu_exec" in out
    assert "virt_kvm_dev" not in out
    assert run("explain", "--root", str(image)) == PASSED
    assert "exceptions" in capsys.readouterr().out


def test_a_key_that_no_rule_has_is_named_with_those_that_do(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", "virt", "--root", str(image)) == USAGE
    assert "no rule for this host has the key virt; they have virt_image_change, " in capsys.readouterr().err


def test_the_blueprints_sample_is_linted_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lint", str(SAMPLE)) == FAILED
    out = capsys.readouterr().out
    assert (
        f"{SAMPLE}:9\n    -a exit, never -F path=/dev/ksm -F perm=rw -F subj type=qemu t\n  error   torn: " in out
    )
    assert "  warning no-such-device: kernels have no /dev/ksm any more\n  instead nothing\n" in out
    assert out.splitlines()[-1].endswith(" notes")


def test_a_clean_file_gives_nothing_and_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "clean.rules"
    file.write_text(
        "".join(f"-a always,exit -F arch={a} -F dir=/srv -F perm=wa -F key=k\n" for a in ("b64", "b32"))
    )
    assert run("lint", str(file)) == PASSED
    assert capsys.readouterr().out == "nothing is to be said of these rules\n"


def test_notes_alone_are_of_no_consequence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "old.rules"
    file.write_text("-w /srv -p wa -k k\n")
    assert run("lint", str(file)) == PASSED
    assert capsys.readouterr().out.endswith("\n1 note\n")


def test_standard_input_can_be_linted_and_what_is_hostile_in_it_is_shown_harmless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = b"-w /srv -p q -k \x1b[31m\xff\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run("lint", "-") == FAILED
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert r"\x1b[31m" in out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run("lint", "-", "--json") == FAILED
    (line,) = json.loads(capsys.readouterr().out)
    assert line["remarks"][0]["id"] == "refused"


def test_the_rules_of_a_host_are_linted_with_what_the_host_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lint", "--snapshot", str(DEMO)) == FAILED
    out = capsys.readouterr().out
    assert "directory-missing: /etc/sysconfig does not exist" in out
    assert "emulator-missing: /usr/libexec/qemu-kvm is not here" in out


def test_a_file_can_be_held_against_a_host(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.rules"
    file.write_text("-w /etc/pki/libvirt/x -p wa -k k\n")
    assert run("lint", str(file), "--root", str(image)) == FAILED
    assert "/etc/pki/libvirt does not exist" in capsys.readouterr().out


def test_sides_that_differ_are_told_rule_by_rule(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compare", "--root", str(image)) == FAILED
    out = capsys.readouterr().out
    assert "on disk  compiled  loaded\nno       yes       ?       -w /srv -p wa -k by_hand\n" in out
    assert "1 rule is not everywhere; 1 rule is the same on disk and compiled\n" in out
    assert "not read: the rules loaded: " in out
    assert "-w /etc/libvirt" not in out
    assert run("compare", "--all", "--root", str(image)) == FAILED
    assert "yes      yes       ?       -w /etc/libvirt -p wa -k site\n" in capsys.readouterr().out


def test_a_side_that_cannot_be_read_gives_code_2(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (image / "etc/audit/audit.rules").write_text("-w /etc/libvirt -p wa -k site\n")
    assert run("compare", "--root", str(image)) == UNKNOWN
    assert run("compare", "--json", "--root", str(image)) == UNKNOWN
    out = capsys.readouterr().out
    told = json.loads(out[out.index("{") :])
    assert told["rules"][0]["loaded"] is None


def test_where_not_everything_could_be_read_nobody_claims_that_there_are_no_rules(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (image / "etc/audit/rules.d/site.rules").write_text("")
    (image / "etc/audit/audit.rules").write_text("")
    assert run("compare", "--root", str(image)) == UNKNOWN
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "whether there are rules is not known: none were seen, and not everything could be read"
    assert any(each.startswith("not read: the rules loaded: ") for each in others)


def test_what_is_no_text_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ls").write_bytes(b"\x7fELF\0\0\n" * 100)
    assert run("lint", str(tmp_path / "ls")) == USAGE
    told = capsys.readouterr()
    assert told.err == f"virt-warden: {tmp_path}/ls is no rules file: it is no text, as it has NUL bytes\n"
    assert not told.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["lin"], "there is no action lin"),
        (["lint", "/nowhere/a.rules"], "/nowhere/a.rules cannot be read: no such file or directory"),
        (["lint", "/"], "/ cannot be read: is a directory"),
        (["compare", "--alll"], "did you mean --all?"),
        (["compare", "--root", "/nowhere"], "/nowhere"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == USAGE
    assert says in capsys.readouterr().err
