"""The boot loader asks for a password before its lines may be edited."""

from tests.kit import entry, judge, made, refusing, results
from virtwarden.controls.tcb.boot_loader_locked import CONTROL
from virtwarden.edits import SetLine, SetMode
from virtwarden.host import Unknown

# What grub2-mkconfig writes on RHEL whether a password is set or not.
RHEL = """### BEGIN /etc/grub.d/01_users ###
if [ -f ${prefix}/user.cfg ]; then
  source ${prefix}/user.cfg
  if [ -n "${GRUB2_PASSWORD}" ]; then
    set superusers="root"
    export superusers
    password_pbkdf2 root ${GRUB2_PASSWORD}
  fi
fi
"""


def test_a_grub_without_a_password_fails() -> None:
    (finding,) = judge(CONTROL, made(files={"/boot/grub/grub.cfg": "set timeout=5\n"}))
    assert (finding.result, finding.message) == ("fail", "whoever is at the console may edit GRUB's lines")
    assert finding.evidence[0].path == "/boot/grub/grub.cfg"


def test_a_block_that_waits_for_a_password_sets_none() -> None:
    assert results(CONTROL, made(files={"/boot/grub2/grub.cfg": RHEL})) == ["fail"]


def test_a_password_without_a_superuser_locks_nothing() -> None:
    assert results(CONTROL, made(files={"/boot/grub/grub.cfg": "password_pbkdf2 bob grub.pbkdf2.AB\n"})) == [
        "fail"
    ]


def test_a_password_passes_and_is_never_shown() -> None:
    user = {"/boot/grub2/grub.cfg": RHEL, "/boot/grub2/user.cfg": "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.AB\n"}
    debian = {"/boot/grub/grub.cfg": 'set superusers="root"\npassword_pbkdf2 root grub.pbkdf2.sha512.10000.AB\n'}
    legacy = {"/boot/grub/menu.lst": "default=0\npassword --md5 $1$AB$CD\n"}
    for files in (user, debian, legacy):
        stats = [entry(path, mode=0o600) for path in files]
        (finding,) = judge(CONTROL, made(files=files, stats=stats))
        assert finding.result == "pass"
        assert "AB" not in finding.message + "".join(evidence.text for evidence in finding.evidence)


def test_hashes_that_others_may_read_fail_in_what_grub_reads_and_in_what_that_is_made_of() -> None:
    text = 'cat << EOF\nset superusers="root"\npassword_pbkdf2 root [redacted]\nEOF\n'
    files = {"/boot/grub/grub.cfg": text, "/etc/grub.d/40_custom": text, "/etc/grub.d/01_users": RHEL}
    host = made(files=files, stats=[entry("/etc/grub.d/40_custom", mode=0o755)])
    lock, cfg, custom = judge(CONTROL, host)
    assert (lock.result, cfg.result, custom.result) == ("pass", "fail", "fail")
    assert cfg.message == "has the hash of the boot password and mode 0644: others may read it"
    assert (cfg.fix[0].edit, custom.fix[0].edit) == (SetMode(mode=0o600), SetMode(mode=0o700))
    assert (cfg.evidence[0].line, cfg.evidence[0].text) == (3, "the hash of a password")
    unseen = made(files=files, stats={path: Unknown("stale") for path in files})
    assert results(CONTROL, unseen) == ["pass", "unknown", "unknown"]


def test_systemd_boot_passes_with_its_editor_off() -> None:
    assert results(CONTROL, made(files={"/boot/loader/loader.conf": "timeout 3\neditor no\n"})) == ["pass"]
    (finding,) = judge(CONTROL, made(files={"/efi/loader/loader.conf": "timeout 3\n"}))
    assert (finding.result, finding.fix[0].document.name) == ("fail", "/efi/loader/loader.conf")
    assert finding.fix[0].edit == SetLine("editor", "no", " ")


def test_a_host_that_answers_nothing_or_has_no_boot_loader_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
    assert results(CONTROL, made()) == ["unknown"]
