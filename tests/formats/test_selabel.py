"""SELinux contexts: user, role, type and the range of levels with its categories."""

import pytest

from virtwarden.formats import Malformed, selabel


@pytest.mark.parametrize(
    ("text", "kind", "categories"),
    [
        ("system_u:system_r:svirt_t:s0:c392,c662", "svirt_t", {392, 662}),
        ("system_u:object_r:virt_image_t:s0\n", "virt_image_t", set()),
        ("system_u:object_r:virt_image_t", "virt_image_t", set()),
        ("a:b:svirt_t:s0:c1.c4,c9", "svirt_t", {1, 2, 3, 4, 9}),
        ("a:b:svirt_t:s0:c7", "svirt_t", {7}),
        ("a:b:svirt_t:s0-s0:c1,c2", "svirt_t", {1, 2}),
        ("a:b:svirt_t:s0:c1-s0:c1,c2", "svirt_t", {1, 2}),
        ("a:b:virtd_t:s0-s15:c0.c1023", "virtd_t", set(range(1024))),
    ],
)
def test_a_context_is_read_with_the_categories_that_it_reaches(text: str, kind: str, categories: set[int]) -> None:
    context = selabel.parse(text)
    assert context.type == kind
    assert set(context.categories) == categories


def test_its_parts_are_told_apart() -> None:
    context = selabel.parse("system_u:system_r:svirt_t:s0:c1,c2")
    assert (context.user, context.role, context.sensitivity) == ("system_u", "system_r", "s0")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "svirt_t",
        "libvirt-11111111-2222-3333-4444-555555555555 (enforce)",
        "a:b:",
        "a:b:c:s0:x1",
        "a:b:c:s0:c1024",
        "a:b:c:s0:c9.c5",
        "a:b:c:s0:c1.c99999",
        "a:b:svirt_t:SystemLow:Secret",
    ],
)
def test_what_is_no_context_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        selabel.parse(text)


@pytest.mark.parametrize(
    ("level", "written"),
    [("s0", "none"), ("s0:c662,c392", "c392,c662"), ("s0:c5.c9,c3", "c3,c5.c9"), ("s0:c1,c2", "c1,c2")],
)
def test_categories_are_written_as_people_write_them(level: str, written: str) -> None:
    assert selabel.parse(f"a:b:c:{level}").written_categories == written
