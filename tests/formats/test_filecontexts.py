"""SELinux's file contexts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.formats.filecontexts import Index, Rule, parse, substitutions

POLICY = """\
# comment
/.*\tsystem_u:object_r:default_t:s0
/var/.*\tsystem_u:object_r:var_t:s0
/var/lib/libvirt/images(/.*)?\tsystem_u:object_r:virt_image_t:s0
/var/lib/libvirt/images/iso(/.*)?\tsystem_u:object_r:virt_content_t:s0
/dev/vd[^/]*\t-b\tsystem_u:object_r:fixed_disk_device_t:s0
/srv/one\\.img\t--\tsystem_u:object_r:virt_image_t:s0
/srv/.*\tsystem_u:object_r:var_t:s0
/mnt/x?y\tsystem_u:object_r:mnt_t:s0
/(opt|lib)/z\tsystem_u:object_r:bin_t:s0
/tmp/.*\t<<none>>
too few
far too many words in it
/x\t-z\tsystem_u:object_r:bin_t:s0
/broken([\tsystem_u:object_r:bin_t:s0
/slow/(a+)+\tsystem_u:object_r:bin_t:s0
"""
RULES = parse(POLICY)
INDEX = Index(RULES)


def found(path: str, kind: str = "file") -> str | None:
    number = INDEX.find(path, kind)
    assert number is not None
    return RULES[number].context


@pytest.mark.parametrize(
    ("path", "kind", "type_"),
    [
        ("/somewhere/else", "file", "default_t"),
        ("/var/lib/other", "file", "var_t"),
        ("/var/lib/libvirt/images", "dir", "virt_image_t"),
        ("/var/lib/libvirt/images/a", "file", "virt_image_t"),
        ("/var/lib/libvirt/images/iso/a", "file", "virt_content_t"),
        ("/dev/vda", "block", "fixed_disk_device_t"),
        ("/dev/vda", "file", "default_t"),
        ("/srv/one.img", "file", "virt_image_t"),
        ("/srv/onexImg", "file", "var_t"),
        ("/mnt/y", "file", "mnt_t"),
        ("/opt/z", "file", "bin_t"),
        ("/broken", "file", "default_t"),
        ("/slow/aaaa", "file", "default_t"),
        ("/" + "x" * 2000, "file", None),
    ],
)
def test_the_last_rule_that_matches_holds_and_a_literal_one_before_all(
    path: str, kind: str, type_: str | None
) -> None:
    if type_ is None:
        assert INDEX.find(path, kind) is None
    else:
        assert f":{type_}:" in (found(path, kind) or "")


def test_none_is_a_rule_too() -> None:
    assert found("/tmp/x") is None


@pytest.mark.parametrize(
    ("pattern", "never", "repaired"),
    [
        ("/mnt/raid/images//(/.*)?", True, "/mnt/raid/images(/.*)?"),
        ("/mnt/raid/images/(/.*)?", True, "/mnt/raid/images(/.*)?"),
        ("/mnt/raid/images(/.*)?", False, "/mnt/raid/images(/.*)?"),
        ("/mnt/raid/images/.*", False, "/mnt/raid/images/.*"),
        ("/mnt/raid/(a|b)", False, "/mnt/raid/(a|b)"),
    ],
)
def test_a_doubled_slash_is_found(pattern: str, never: bool, repaired: str) -> None:
    rule = Rule(pattern, None, "system_u:object_r:virt_image_t:s0", 1)
    assert (rule.never_matches, rule.repaired) == (never, repaired)


def test_substitutions_are_pairs() -> None:
    assert substitutions("# x\n/srv/vm /var/lib/libvirt/images\nthree words here\n") == (
        ("/srv/vm", "/var/lib/libvirt/images", 2),
    )


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_read(text: str, path: str) -> None:
    Index(parse(f"{text} a:b:c:s0\n{text}")).find(f"/{path}", "file")
