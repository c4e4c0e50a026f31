"""Units and daemons under a real systemd."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import systemd
from tests.real.systemd import Booted
from virtwarden import arming
from virtwarden.controls.network.host_closed_to_guest_bridges import RULES, UNIT, UNIT_TEXT, closing
from virtwarden.edits import Replace, SetState
from virtwarden.model import Activation, Document
from virtwarden.stores.activating import activator
from virtwarden.stores.activators import System
from virtwarden.stores.images import Image, Nothing, StateImage, StoreError
from virtwarden.stores.programs import Programs
from virtwarden.stores.systemd import Systemd
from virtwarden.stores.units import Units

pytestmark = pytest.mark.libvirt

_INSTALL = "[Install]\nWantedBy=tested.target\n"
DAEMON = f"[Unit]\nDefaultDependencies=no\n[Service]\n{{}}\n{_INSTALL}Alias=tested-alias.service\n"
SOCKET = (
    "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/tested.sock\n[Install]\nWantedBy=tested.target\n"
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    if reason := systemd.why_not():
        pytest.skip(reason)
    try:
        with systemd.booted(tmp_path_factory.mktemp("systemd")) as made:
            yield made
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture
def manager(host: Booted, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    monkeypatch.setenv("PATH", str(host.programs), prepend=":")
    return Systemd(Programs(), settling=0.4)


@pytest.fixture
def units(host: Booted, manager: Systemd) -> Units:
    return Units(manager, str(host.root))


def daemon(host: Booted, name: str, text: str = "ExecStart=/bin/sleep 600") -> str:
    host.unit(f"{name}.service", DAEMON.format(text).replace("tested-alias", f"{name}-alias"))
    return f"{name}.service"


def state(host: Booted, name: str) -> tuple[str, str]:
    return host.run("systemctl", "is-enabled", name).strip(), host.run("systemctl", "is-active", name).strip()


def changed(units: Units, name: str, wanted: str) -> tuple[Image, Image]:
    before = units.image(name)
    return before, units.put(name, units.edited(Document("unit", name), before, [SetState(wanted)]))


def test_an_enabled_unit_runs_and_is_taken_back(host: Booted, units: Units) -> None:
    name = daemon(host, "plain")
    before, after = changed(units, name, "enabled")
    assert state(host, name) == ("enabled", "active")
    assert units.image(name) == after
    assert units.put(name, before) == before
    assert state(host, name) == ("disabled", "inactive")
    assert not (host.root / "etc/systemd/system/plain-alias.service").is_symlink()


def test_disabling_ends_the_socket_too_and_brings_both_back(host: Booted, units: Units) -> None:
    name = daemon(host, "ondemand", "ExecStart=/bin/sleep 600")
    host.unit("ondemand.socket", SOCKET.replace("tested.sock", "ondemand.sock"))
    host.run("systemctl", "enable", "--now", "ondemand.socket", name)
    before, _ = changed(units, name, "disabled")
    assert state(host, name) == ("disabled", "inactive")
    assert state(host, "ondemand.socket") == ("disabled", "inactive")
    assert units.put(name, before) == before
    assert state(host, name) == ("enabled", "active")
    assert state(host, "ondemand.socket") == ("enabled", "active")


def test_a_socket_is_given_to_a_service_that_runs_and_taken_from_it(host: Booted, units: Units) -> None:
    """systemd refuses a socket whose service runs, and one that it stops stays with the service."""
    daemon(host, "both", "ExecStart=/bin/sh -c 'echo $${LISTEN_FDS:-0} >/run/both; exec sleep 600'")
    text = SOCKET.replace("tested.sock", "both.sock").replace("[Install]", "Service=both.service\n[Install]")
    host.unit("both-tls.socket", text)
    host.run("systemctl", "start", "both.service")
    assert host.done("systemctl", "start", "both-tls.socket").returncode != 0
    handed = host.root / "run/both"
    assert handed.read_text() == "0\n"
    before, _ = changed(units, "both-tls.socket", "enabled")
    assert state(host, "both-tls.socket") == ("enabled", "active")
    assert (state(host, "both.service")[1], handed.read_text()) == ("active", "1\n")
    assert units.put("both-tls.socket", before) == before
    assert state(host, "both-tls.socket") == ("disabled", "inactive")
    assert (state(host, "both.service")[1], handed.read_text()) == ("active", "0\n")


def test_a_masked_unit_is_enabled_and_masked_again(host: Booted, units: Units) -> None:
    name = "lonely.service"
    runtime = host.root / "run/systemd/system"
    runtime.mkdir(parents=True, exist_ok=True)
    (runtime / name).write_text(DAEMON.format("ExecStart=/bin/sleep 600"))
    host.run("systemctl", "mask", name)
    before, _ = changed(units, name, "enabled")
    assert isinstance(before, StateImage)
    assert before.words["enabled"] == "masked"
    assert state(host, name)[1] == "active"
    assert units.put(name, before) == before
    assert state(host, name) == ("masked", "inactive")


def test_a_unit_that_cannot_start_is_an_error_with_its_last_words(host: Booted, units: Units) -> None:
    name = daemon(host, "broken", 'ExecStart=/bin/sh -c "echo the port is taken >&2; exit 3"')
    before = units.image(name)
    with pytest.raises(StoreError, match=r"broken.service does not stay up, it is failed: the port is taken"):
        changed(units, name, "enabled")
    assert units.put(name, before) == before
    assert state(host, name)[0] == "disabled"


def test_a_daemon_that_does_not_come_back_is_noticed_and_revived(host: Booted, manager: Systemd) -> None:
    name = daemon(host, "fragile", "ExecStart=/bin/sh -c 'test ! -e /etc/bad || exit 4; exec sleep 600'")
    system = System(Programs(), manager, str(host.root))
    restart = activator(Activation("restart", "fragile"), system)
    assert restart.why_not() == "fragile does not run"
    host.run("systemctl", "start", name)
    assert restart.why_not() == ""
    bad = host.root / "etc/bad"
    bad.write_text("")
    with pytest.raises(StoreError, match=r"fragile.service does not stay up"):
        restart.do()
    bad.unlink()
    restart.again()
    assert state(host, name)[1] == "active"


def test_restarting_gives_a_new_process_and_reloading_does_not(host: Booted, manager: Systemd) -> None:
    name = daemon(
        host, "heeds", "ExecStart=/bin/sh -c 'trap : HUP; while :; do sleep 0.1; done'\nExecReload=/bin/true"
    )
    host.run("systemctl", "start", name)
    process = host.run("systemctl", "show", "-p", "MainPID", name)
    manager.reload("heeds")
    assert host.run("systemctl", "show", "-p", "MainPID", name) == process
    manager.restart("heeds")
    assert host.run("systemctl", "show", "-p", "MainPID", name) != process


def test_a_daemon_that_may_not_be_stopped_by_hand_is_asked_by_signal(host: Booted, manager: Systemd) -> None:
    text = DAEMON.format("ExecStart=/bin/sh -c 'trap \"echo > /tmp/heard\" HUP; while :; do sleep 0.1; done'")
    host.unit("auditd.service", text.replace("[Service]", "RefuseManualStop=yes\n[Service]"))
    host.run("systemctl", "start", "auditd")
    assert host.done("systemctl", "restart", "auditd").returncode != 0
    manager.restart("auditd")
    assert (host.root / "tmp/heard").exists()
    manager.stop("auditd")
    assert state(host, "auditd.service")[1] != "active"


def test_the_name_of_the_daemon_that_is_installed_is_found(host: Booted, manager: Systemd) -> None:
    daemon(host, "ssh")
    assert manager.find("sshd") == "ssh.service"
    assert manager.find("no-such-daemon") == ""


def test_the_separation_table_comes_and_goes_with_its_unit_alone(host: Booted, units: Units) -> None:
    if "table" in host.done("nft", "add", "table", "inet", "theirs").stderr:
        pytest.skip("nft does not work here")
    edit = closing(("br9",))[0].edit
    assert isinstance(edit, Replace)
    rules = host.root / RULES.strip("/")
    rules.parent.mkdir()
    rules.write_text(edit.text or "")
    unit = host.unit(UNIT, UNIT_TEXT)
    before, _ = changed(units, UNIT, "enabled")
    assert 'iifname "br9" drop' in host.run("nft", "list", "ruleset")
    assert state(host, UNIT) == ("enabled", "active")
    assert units.put(UNIT, before) == before
    assert host.run("nft", "list", "ruleset").split() == ["table", "inet", "theirs", "{", "}"]
    unit.unlink()


def test_a_new_unit_file_is_read_before_it_is_started(host: Booted, units: Units) -> None:
    path = host.root / "etc/systemd/system/fresh.service"
    path.write_text(DAEMON.format("ExecStart=/bin/sleep 600").replace("tested-alias", "fresh-alias"))
    changed(units, "fresh.service", "active")
    path.write_text(DAEMON.format("ExecStart=/bin/sleep 601").replace("tested-alias", "fresh-alias"))
    changed(units, "fresh.service", "inactive")
    changed(units, "fresh.service", "active")
    assert "sleep 601" in host.run("systemctl", "show", "-p", "ExecStart", "fresh.service")
    path.unlink()
    assert units.put("fresh.service", Nothing()) == Nothing()
    assert host.run("systemctl", "is-active", "fresh.service").strip() == "inactive"


def test_the_manager_reads_its_files_again(host: Booted, manager: Systemd, tmp_path: Path) -> None:
    reload = activator(Activation("daemon-reload"), System(Programs(), manager))
    path = host.root / "etc/systemd/system/later.service"
    path.write_text(DAEMON.format("ExecStart=/bin/sleep 600").replace("tested-alias", "later-alias"))
    assert (reload.why_not(), reload.do()) == ("", "")
    assert manager.find("later") == "later.service"


@pytest.fixture
def timers(host: Booted, manager: Systemd, monkeypatch: pytest.MonkeyPatch) -> Booted:
    """Timers of this systemd write down what they would have run."""
    monkeypatch.setattr(arming, "_SYSTEMD", host.root / "run/systemd/system")
    monkeypatch.setattr(arming, "_ourselves", lambda: ("/bin/sh", "-c", 'echo "$@" >>/tmp/fired', "sh"))
    (host.root / "tmp/fired").unlink(missing_ok=True)
    return host


def test_a_timer_of_systemds_takes_back_what_nobody_confirms(timers: Booted) -> None:
    arming.Arming(1, Path("/state")).arm("20260101-000000")
    fired = timers.root / "tmp/fired"
    deadline = time.monotonic() + 15
    while not fired.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert fired.read_text() == "rollback 20260101-000000 --unless-confirmed --state /state\n"


def test_a_confirmed_one_is_never_fired(timers: Booted) -> None:
    arming.Arming(2, Path("/state")).arm("20260101-000001")
    assert "virt-warden-rollback-20260101-000001.timer" in timers.run("systemctl", "list-timers", "--all")
    arming.disarm("20260101-000001")
    time.sleep(3)
    assert not (timers.root / "tmp/fired").exists()


def test_two_timers_of_one_name_are_refused(timers: Booted) -> None:
    arming.Arming(60, Path("/state")).arm("20260101-000002")
    with pytest.raises(StoreError, match="systemd-run"):
        arming.Arming(60, Path("/state")).arm("20260101-000002")
    arming.disarm("20260101-000002")
