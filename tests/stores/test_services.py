"""Service managers: init scripts and none; systemd is tested with a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.fakes import Fakes
from virtwarden.stores.daemons import names_of
from virtwarden.stores.images import StoreError
from virtwarden.stores.initscripts import InitScripts
from virtwarden.stores.programs import Programs
from virtwarden.stores.services import Unmanaged, services
from virtwarden.stores.systemd import Systemd

SHOWN = """\
Id={name}
LoadState=loaded
ActiveState={active}
Type=notify
RefuseManualStop=no
CanReload=no
TriggeredBy=
ConditionResult=yes
"""


def scripts(root: Path, name: str) -> Path:
    """A host whose init scripts keep their daemon's state in a file."""
    path = root / "etc/init.d" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_manager_is_the_one_that_runs(tmp_path: Path) -> None:
    assert isinstance(services(Programs(), str(tmp_path)), Unmanaged)
    scripts(tmp_path, "ssh")
    assert isinstance(services(Programs(), str(tmp_path)), InitScripts)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert isinstance(services(Programs(), str(tmp_path)), Systemd)


def test_a_daemon_has_several_names_and_keeps_its_type() -> None:
    assert names_of("sshd") == ("sshd", "ssh")
    assert names_of("sshd.service") == ("sshd.service", "ssh.service")
    assert names_of("virtqemud.socket") == ("virtqemud.socket",)


def test_an_init_script_is_found_by_its_other_name_and_run(tmp_path: Path, programs: Fakes) -> None:
    scripts(tmp_path, "ssh")
    programs.add("service", f"case $2 in status) exec test -e {tmp_path}/runs;; start) : >{tmp_path}/runs;; esac")
    manager = InitScripts(Programs(), str(tmp_path / "etc/init.d"), settling=0.0)
    assert manager.find("sshd.service") == "ssh"
    assert not manager.is_active("sshd")
    manager.start("sshd")
    manager.reload("sshd")
    assert manager.is_active("sshd")
    assert "service ssh reload" in programs.calls


def test_an_init_script_that_succeeds_without_a_daemon_is_noticed(tmp_path: Path, programs: Fakes) -> None:
    scripts(tmp_path, "auditd")
    programs.add("service", 'test "$2" != status || exit 3; echo "Address already in use" >&2')
    manager = InitScripts(Programs(), str(tmp_path / "etc/init.d"), settling=0.0)
    with pytest.raises(StoreError, match=r"auditd does not stay up: Address already in use"):
        manager.restart("auditd")


def test_an_init_script_that_fails_is_quoted(tmp_path: Path, programs: Fakes) -> None:
    scripts(tmp_path, "auditd")
    programs.add("service", 'echo "no space left" >&2; exit 1')
    manager = InitScripts(Programs(), str(tmp_path / "etc/init.d"), settling=0.0)
    assert manager.has_failed("auditd")
    with pytest.raises(StoreError, match=r"auditd does not reload: no space left"):
        manager.reload("auditd")
    with pytest.raises(StoreError, match=r"no init script of libvirtd"):
        manager.start("libvirtd")


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "reload"])
def test_without_a_manager_nothing_is_done(verb: str) -> None:
    manager = Unmanaged()
    assert (manager.find("x"), manager.is_active("x"), manager.has_failed("x")) == ("", False, False)
    manager.read_units()
    with pytest.raises(StoreError, match=r"no service manager runs here"):
        getattr(manager, verb)("x")


def test_systemd_that_does_not_answer_is_an_error(programs: Fakes) -> None:
    programs.add("systemctl", 'echo "Failed to connect to bus" >&2; exit 1')
    with pytest.raises(StoreError, match=r"systemctl does not tell of x: Failed to connect to bus"):
        Systemd(Programs()).find("x")


def test_what_guests_have_open_is_not_taken_away_by_a_restart(programs: Fakes) -> None:
    programs.add("systemctl", f"cat <<END\n{SHOWN.format(name='virtlogd.service', active='active')}END")
    with pytest.raises(StoreError, match=r"a restart would take away what guests have open"):
        Systemd(Programs()).reload("virtlogd")
    assert not any("restart" in call for call in programs.calls)


def test_a_daemon_that_dies_a_moment_after_its_start_is_noticed(tmp_path: Path, programs: Fakes) -> None:
    shown = SHOWN.format(name="slow.service", active="$state")
    script = f"""\
case $1 in
restart) echo one >{tmp_path}/count;;
show)
    state=active
    if [ -e {tmp_path}/count ]; then
        echo more >>{tmp_path}/count
        [ "$(wc -l <{tmp_path}/count)" -lt 4 ] || state=failed
    fi
    cat <<END
{shown}END
;;
esac"""
    programs.add("systemctl", script)
    programs.add("journalctl", 'echo "out of memory"')
    with pytest.raises(StoreError, match=r"slow.service does not stay up, it is failed: out of memory"):
        Systemd(Programs(), settling=0.5).restart("slow")
