"""SELinux's documents, with the real tools on a private policy store where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stores.fakes import Fakes
from virtwarden.edits import Replace, SetState
from virtwarden.model import Document
from virtwarden.stores import selinux
from virtwarden.stores.images import Nothing, StateImage, StoreError
from virtwarden.stores.labels import Labels
from virtwarden.stores.programs import Programs
from virtwarden.stores.selinux import Booleans, FileContexts

CONTEXTS = "/etc/selinux/default/contexts/files/file_contexts"
NAME = "virt_use_nfs"
BOOLEAN = Document("boolean", NAME)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a policy store."""
    for name, place in (("_CONFIG", "config"), ("_CONTEXTS", "file_contexts.local")):
        monkeypatch.setattr(selinux, name, str(tmp_path / place))
    monkeypatch.setattr(selinux, "_RECORDS", (str(tmp_path / "booleans.local"),))
    (tmp_path / "config").write_text("SELINUX=enforcing\nSELINUXTYPE=targeted\n")
    return tmp_path


def kernel_of(programs: Fakes, directory: Path) -> None:
    """Tools that keep the record and the value of one boolean in files."""
    programs.add("getsebool", f'echo "$1 --> $(cat {directory}/value)"')
    local = directory / "booleans.local"
    record = f'shift; case $2 in on) echo "$1=1";; off) echo "$1=0";; esac >{local}'
    programs.add("setsebool", f'if [ "$1" = -P ]; then {record}; fi; echo $2 >{directory}/value')
    programs.add("semanage", f"cat >{directory}/given; sed -i '/^{NAME}=/d' {local}")
    (directory / "value").write_text("off\n")


def test_a_boolean_is_set_now_and_for_good_and_taken_back(programs: Fakes, store: Path) -> None:
    kernel_of(programs, store)
    booleans = Booleans(Programs())
    before = booleans.image(NAME)
    assert before == StateImage({"record": "", "value": "off"})
    after = booleans.edited(BOOLEAN, before, [SetState("on")])
    assert booleans.put(NAME, after) == after == StateImage({"record": "on", "value": "on"})
    assert booleans.put(NAME, before) == before
    assert (store / "given").read_text() == "boolean -D\n"
    assert programs.calls[-2] == f"setsebool {NAME} off"


def test_forgetting_one_record_keeps_the_others(programs: Fakes, store: Path) -> None:
    kernel_of(programs, store)
    (store / "booleans.local").write_text(f"# made by libsemanage\n{NAME}=1\nvirt_use_samba=0\n")
    Booleans(Programs()).put(NAME, StateImage({"record": "", "value": "off"}))
    assert (store / "given").read_text() == "boolean -D\nboolean -m --off virt_use_samba\n"


def test_a_boolean_that_the_policy_lacks_is_nothing(programs: Fakes, store: Path) -> None:
    programs.add("getsebool", 'echo "Error getting active value for $1" >&2; exit 1')
    booleans = Booleans(Programs())
    assert booleans.image(NAME) == Nothing()
    with pytest.raises(StoreError, match=r"the policy has no boolean virt_use_nfs"):
        booleans.edited(BOOLEAN, Nothing(), [SetState("on")])
    with pytest.raises(StoreError, match=r"cannot be changed in this way"):
        booleans.edited(BOOLEAN, StateImage({"record": "", "value": "on"}), [SetState("maybe")])


def test_a_local_file_context_is_read_by_its_pattern_and_kind(store: Path) -> None:
    (store / "file_contexts.local").write_text(
        "# local\n/data(/.*)?    system_u:object_r:virt_image_t:s0\n/data -d <<none>>\n"
    )
    contexts = FileContexts(Programs())
    assert contexts.image("/data(/.*)?") == StateImage({"context": "system_u:object_r:virt_image_t:s0"})
    assert contexts.image("/data -d") == StateImage({"context": "<<none>>"})
    assert contexts.image("/data") == Nothing()


def test_a_file_context_is_recorded_changed_and_deleted_as_it_was(programs: Fakes, store: Path) -> None:
    programs.add(
        "semanage", 'case "$*" in *known*) [ $2 != -a ] || { echo "already defined" >&2; exit 1; };; esac'
    )
    contexts = FileContexts(Programs())
    contexts.put("/data -d", StateImage({"context": "system_u:object_r:virt_image_t:s0:c1"}))
    contexts.put("/known", StateImage({"context": "<<none>>"}))
    (store / "file_contexts.local").write_text("/data -d <<none>>\n")
    contexts.put("/data -d", Nothing())
    assert programs.calls == [
        "semanage fcontext -a -f d -s system_u -t virt_image_t -r s0:c1 /data",
        "semanage fcontext -a -f a -t <<none>> /known",
        "semanage fcontext -m -f a -t <<none>> /known",
        "semanage fcontext -d -f d /data",
    ]
    programs.add("semanage", 'echo "ValueError: Type x is invalid" >&2; exit 1')
    with pytest.raises(StoreError, match=r"Type x is invalid"):
        contexts.put("/other", StateImage({"context": "system_u:object_r:x:s0"}))


def test_labels_that_cannot_be_told_apart_are_not_touched(programs: Fakes, tmp_path: Path) -> None:
    programs.add("restorecon", 'echo "Would relabel $4/a"; echo "b from x:y:z:s0 to x:y:w:s0"')
    with pytest.raises(StoreError, match=r"does not tell which labels differ"):
        Labels(Programs()).image(str(tmp_path))
    with pytest.raises(StoreError, match=r"no path from the root"):
        Labels(Programs()).image("relative")
    assert Labels(Programs()).image(str(tmp_path / "missing")) == StateImage({})
    with pytest.raises(StoreError, match=r"cannot be changed in this way"):
        Labels(Programs()).edited(Document("labels", "/x"), StateImage({}), [Replace("")])


def test_a_label_does_not_follow_a_link_on_its_way(programs: Fakes, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/sub").symlink_to(outside)
    programs.add("restorecon")
    image = StateImage({f"{tmp_path}/images/sub/file": "system_u:object_r:etc_t:s0"})
    assert Labels(Programs()).put(f"{tmp_path}/images", image) == StateImage({})
    assert "security.selinux" not in os.listxattr(outside / "file")


_PRIVATE = """\
set -e
for place in /etc/selinux /var/lib/selinux; do
    mkdir -p "$1$place"; cp -a $place/. "$1$place"; mount --bind "$1$place" $place
done
exec "$2" -c "$3" "$4"
"""
_SCRIPT = """
import os, subprocess, sys
from virtwarden.edits import SetState
from virtwarden.model import Document
from virtwarden.stores.images import Nothing
from virtwarden.stores.labels import Labels
from virtwarden.stores.programs import Programs
from virtwarden.stores.selinux import Booleans, FileContexts

def told(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

booleans, contexts = Booleans(Programs()), FileContexts(Programs())
told("setsebool", "-P", "virt_use_samba", "on")
start = told("semanage", "export")
before = booleans.image("virt_use_nfs")
after = booleans.edited(Document("boolean", "virt_use_nfs"), before, [SetState("on")])
assert booleans.put("virt_use_nfs", after) == after
assert "virt_use_nfs" in told("semanage", "boolean", "-l", "-C", "-n")
assert booleans.put("virt_use_nfs", before) == before
assert told("semanage", "export") == start

for name in ("/data/guests(/.*)?", "/data/one -d", "/var/lib/libvirt/images(/.*)?"):
    first = contexts.image(name)
    for state in ("virt_image_t", "system_u:object_r:virt_content_t:s0:c1", "<<none>>"):
        image = contexts.edited(Document("fcontext", name), contexts.image(name), [SetState(state)])
        assert contexts.put(name, image) == image, (name, state)
        assert name.split()[0] in told("semanage", "fcontext", "-l", "-C", "-n")
    assert contexts.put(name, first) == first == Nothing()
assert told("semanage", "export") == start

directory = sys.argv[1]
rule = directory + "(/.*)?"
contexts.put(rule, contexts.edited(Document("fcontext", rule), Nothing(), [SetState("virt_image_t")]))
specification = "/etc/selinux/default/contexts/files/file_contexts"
labels = Labels(Programs(), ("setfiles", specification))
document = Document("labels", directory)
before = labels.image(directory)
assert sorted(path[len(directory):] for path in before.words) == ["", "/a b", "/link", "/sub", "/sub/bare"], before
after = labels.edited(document, before, [SetState("restored")])
assert labels.put(directory, after) == after
assert os.getxattr(directory + "/sub/bare", "security.selinux") == b"system_u:object_r:virt_image_t:s0\\0"
assert labels.put(directory, before) == before
assert "security.selinux" not in os.listxattr("/etc/passwd")
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("semanage") is None or not os.path.exists(CONTEXTS),
    reason="needs root, semanage and the policy of Debian's selinux-policy-default",
)
def test_the_real_tools_change_a_policy_store_and_leave_it_as_it_was() -> None:
    private = Path("/dev/shm") / f"virt-warden-test-{os.getpid()}"
    files = private / "files"
    (files / "sub").mkdir(parents=True)
    try:
        for name in ("a b", "sub/bare"):
            (files / name).write_text("")
        (files / "link").symlink_to("/etc/passwd")
        for path in (files, files / "a b", files / "link", files / "sub"):
            os.setxattr(path, "security.selinux", b"system_u:object_r:tmp_t:s0\0", follow_symlinks=False)
        argv = ("unshare", "--mount", "sh", "-c", _PRIVATE, "sh", private, sys.executable, _SCRIPT, files)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 0, done.stderr
    finally:
        shutil.rmtree(private)
