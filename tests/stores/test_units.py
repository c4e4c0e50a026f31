"""Units below the root directory of a system that does not run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from virtwarden.edits import Replace, SetState
from virtwarden.model import Document
from virtwarden.stores.images import Image, Nothing, StateImage, StoreError, between
from virtwarden.stores.initscripts import InitScripts
from virtwarden.stores.programs import Programs
from virtwarden.stores.services import Unmanaged
from virtwarden.stores.units import Units

VENDOR = Path("/lib/systemd/system")
PLAIN = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"

needs_systemctl = pytest.mark.skipif(
    shutil.which("systemctl") is None or not VENDOR.is_dir(), reason="systemctl is not installed"
)


def made(root: Path, units: Mapping[str, str]) -> Units:
    """A system with these unit files of its vendor's."""
    library = root / "usr/lib/systemd/system"
    library.mkdir(parents=True)
    (root / "etc/systemd/system").mkdir(parents=True)
    for name, text in units.items():
        (library / name).write_text(text)
    return Units(None, str(root))


def set_state(units: Units, name: str, state: str) -> tuple[Image, Image]:
    before = units.image(name)
    return before, units.put(name, units.edited(Document("unit", name), before, [SetState(state)]))


def word(units: Units, name: str) -> str:
    image = units.image(name)
    return image.words["enabled"] if isinstance(image, StateImage) else "none"


def tree(root: Path) -> dict[str, str]:
    """Every link below /etc."""
    found = {}
    for directory, directories, files in os.walk(root / "etc"):
        for name in directories + files:
            path = Path(directory, name)
            if path.is_symlink():
                found[str(path.relative_to(root))] = os.readlink(path)
    return found


def test_enabling_makes_the_links_and_undoing_takes_them_away(tmp_path: Path) -> None:
    units = made(tmp_path, {"a.service": PLAIN + "Alias=b.service\n"})
    start = tree(tmp_path)
    before, after = set_state(units, "a.service", "enabled")
    assert word(units, "a.service") == "enabled"
    assert os.readlink(tmp_path / "etc/systemd/system/multi-user.target.wants/a.service").endswith("/a.service")
    assert units.image("a") == after
    assert units.put("a.service", before) == before
    assert tree(tmp_path) == start


def test_the_directories_of_links_are_named_before_they_are_made(tmp_path: Path) -> None:
    units = made(tmp_path, {"a.service": PLAIN})
    before = units.image("a.service")
    after = units.edited(Document("unit", "a.service"), before, [SetState("enabled")])
    assert units.missing_directories(before) == units.missing_directories(Nothing()) == []
    assert units.missing_directories(after) == ["/etc/systemd/system/multi-user.target.wants"]


def test_what_another_unit_has_there_stays(tmp_path: Path) -> None:
    units = made(tmp_path, {"a.service": PLAIN, "b.service": PLAIN})
    set_state(units, "b.service", "enabled")
    before, _ = set_state(units, "a.service", "enabled")
    units.put("a.service", before)
    assert (word(units, "a.service"), word(units, "b.service")) == ("disabled", "enabled")


def test_disabling_takes_links_made_by_hand_and_sockets_and_brings_back_their_targets(tmp_path: Path) -> None:
    units = made(tmp_path, {"a.service": PLAIN, "a.socket": "[Install]\nWantedBy=sockets.target\n"})
    wants = tmp_path / "etc/systemd/system/graphical.target.wants"
    wants.mkdir()
    (wants / "a.service").symlink_to("../elsewhere/a.service")
    set_state(units, "a.socket", "enabled")
    start = tree(tmp_path)
    before, _ = set_state(units, "a.service", "disabled")
    assert (word(units, "a.service"), word(units, "a.socket")) == ("disabled", "disabled")
    assert list(wants.iterdir()) == []
    units.put("a.service", before)
    assert tree(tmp_path) == start


def test_a_unit_file_of_the_administrators_is_never_replaced_by_a_mask(tmp_path: Path) -> None:
    units = made(tmp_path, {})
    (tmp_path / "etc/systemd/system/a.service").write_text(PLAIN)
    with pytest.raises(StoreError, match=r"a.service is no link"):
        set_state(units, "a.service", "masked")
    assert (tmp_path / "etc/systemd/system/a.service").read_text() == PLAIN


def test_links_do_not_lead_out_of_the_root(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    units = made(tmp_path / "root", {"a.service": PLAIN})
    (tmp_path / "root/etc/systemd/system/multi-user.target.wants").symlink_to(outside)
    with pytest.raises(StoreError):
        set_state(units, "a.service", "enabled")
    assert list(outside.iterdir()) == []


def test_an_enabling_that_was_cut_short_is_between_its_ends(tmp_path: Path) -> None:
    units = made(tmp_path, {"a.service": PLAIN + "RequiredBy=x.target\n"})
    before, after = set_state(units, "a.service", "enabled")
    (tmp_path / "etc/systemd/system/x.target.requires/a.service").unlink()
    assert between(units.image("a.service"), before, after)
    (tmp_path / "etc/systemd/system/x.target.requires/a.service").symlink_to("/foreign")
    assert not between(units.image("a.service"), before, after)


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    units = made(tmp_path, {"a.service": PLAIN})
    assert units.image("missing.service") == Nothing()
    with pytest.raises(StoreError, match=r"there is no unit missing.service"):
        units.edited(Document("unit", "missing.service"), Nothing(), [SetState("enabled")])
    with pytest.raises(StoreError, match=r"cannot be changed in this way"):
        units.edited(Document("unit", "a.service"), units.image("a.service"), [Replace("")])
    with pytest.raises(StoreError, match=r"no service manager runs here"):
        set_state(units, "a.service", "active")


def test_a_daemon_of_an_init_script_is_enabled_by_hand(tmp_path: Path) -> None:
    scripts = tmp_path / "etc/init.d"
    scripts.mkdir(parents=True)
    (scripts / "old").write_text("#!/bin/sh\nexit 0\n")
    (scripts / "old").chmod(0o755)
    units = Units(InitScripts(Programs(), str(scripts)), str(tmp_path))
    document, image = Document("unit", "old.service"), StateImage({"active": "inactive"})
    with pytest.raises(StoreError, match=r"`update-rc.d old enable` or `chkconfig old on`"):
        units.edited(document, image, [SetState("enabled")])
    assert units.edited(document, image, [SetState("active")]) == StateImage({"active": "active"})


def test_a_daemon_of_an_init_script_is_not_enabled_by_links_that_nothing_reads(tmp_path: Path) -> None:
    scripts = tmp_path / "etc/init.d"
    made(tmp_path, {"old.service": PLAIN})
    scripts.mkdir()
    (scripts / "old").touch(0o755)
    units = Units(InitScripts(Programs(), str(scripts)), str(tmp_path))
    with pytest.raises(StoreError, match=r"by hand"):
        units.edited(Document("unit", "old"), StateImage({"active": "active"}), [SetState("disabled")])


def test_the_audit_daemon_is_not_started_where_its_rules_would_lock_the_kernel(tmp_path: Path) -> None:
    units = made(tmp_path, {"auditd.service": PLAIN})
    image = units.image("auditd.service")
    assert isinstance(image, StateImage)
    stopped = StateImage({**image.words, "active": "inactive"}, image.links)
    document = Document("unit", "auditd.service")

    def activity(state: str) -> str:
        edited = units.edited(document, stopped, [SetState(state)])
        assert isinstance(edited, StateImage)
        return edited.words["active"]

    assert (activity("enabled"), activity("active")) == ("active", "active")
    (tmp_path / "etc/audit/rules.d").mkdir(parents=True)
    (tmp_path / "etc/audit/rules.d/99-last.rules").write_text("-e 2\n")
    assert activity("enabled") == "inactive"
    with pytest.raises(StoreError, match=r"would lock the audit rules"):
        activity("active")


def test_a_template_alone_is_not_enabled(tmp_path: Path) -> None:
    units = made(tmp_path, {"a@.service": PLAIN})
    with pytest.raises(StoreError, match=r"a@.service is a template"):
        set_state(units, "a@.service", "enabled")


def test_nothing_is_started_where_nothing_manages(tmp_path: Path) -> None:
    units = Units(Unmanaged(), str(tmp_path))
    made(tmp_path, {"a.service": PLAIN})
    _, after = set_state(units, "a.service", "enabled")
    assert isinstance(after, StateImage)
    assert after.words == {"enabled": "enabled"}


def vendors(directory: Path) -> Path:
    """A system with all unit files of this machine."""
    root = directory
    (root / "usr/lib/systemd").mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    shutil.copytree(VENDOR, root / "usr/lib/systemd/system", symlinks=True)
    wants = root / "etc/systemd/system/x.target.wants"
    wants.mkdir(parents=True)
    spelt = subprocess.run(
        ("systemctl", f"--root={root}", "enable", "systemd-pstore.service"), capture_output=True, check=False
    )
    assert spelt.returncode == 0
    return root


def told(root: Path, *argv: str) -> tuple[int, str]:
    done = subprocess.run(("systemctl", f"--root={root}", *argv), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


@needs_systemctl
def test_links_and_words_are_those_of_the_real_systemctl_for_every_unit_of_this_machine(tmp_path: Path) -> None:
    theirs, ours = vendors(tmp_path / "theirs"), vendors(tmp_path / "ours")
    units = Units(None, str(ours))
    for path in sorted(VENDOR.iterdir()):
        name = path.name
        before = units.image(name)
        if path.is_symlink() or path.is_dir() or isinstance(before, Nothing) or name.startswith("systemd-pstore"):
            continue
        assert (name, told(theirs, "is-enabled", name)[1]) == (name, word(units, name))
        start = tree(ours)
        if told(theirs, "enable", name)[0] != 0:
            continue
        _, after = set_state(units, name, "enabled")
        assert tree(ours) == tree(theirs), name
        assert (name, told(theirs, "is-enabled", name)[1]) == (name, word(units, name))
        units.put(name, before)
        assert tree(ours) == start, name
        units.put(name, after)
        told(theirs, "disable", name)
        set_state(units, name, "disabled")
        assert tree(ours) == tree(theirs), name


@needs_systemctl
@pytest.mark.parametrize("name", ["tpl@one.service", "tpl@.service"])
def test_templates_are_enabled_as_the_real_systemctl_does(tmp_path: Path, name: str) -> None:
    text = "[Install]\nWantedBy=w-%i.target\nDefaultInstance=nul\nAlias=%p-of-%i.service other@%i.service\n"
    for root in ("theirs", "ours"):
        made(tmp_path / root, {"tpl@.service": text})
    told(tmp_path / "theirs", "enable", name)
    set_state(Units(None, str(tmp_path / "ours")), name, "enabled")
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")


@needs_systemctl
def test_masks_are_those_of_the_real_systemctl(tmp_path: Path) -> None:
    for root in ("theirs", "ours"):
        made(tmp_path / root, {"a.service": PLAIN})
    units = Units(None, str(tmp_path / "ours"))
    told(tmp_path / "theirs", "enable", "a.service")
    told(tmp_path / "theirs", "mask", "a.service")
    set_state(units, "a.service", "enabled")
    before, _ = set_state(units, "a.service", "masked")
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")
    assert word(units, "a.service") == told(tmp_path / "theirs", "is-enabled", "a.service")[1] == "masked"
    units.put("a.service", before)
    assert word(units, "a.service") == "enabled"
