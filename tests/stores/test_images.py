"""Images are of one state where all that is known of both is equal."""

from virtwarden.stores.images import FileImage, TextImage, same

FILE = FileImage("file", 0o600, 0, 0, {}, 1, b"<a/>")
LATER = FileImage("file", 0o600, 0, 0, {}, 2, b"<a/>")
OTHER = FileImage("file", 0o600, 0, 0, {}, 1, b"<a />")


def test_a_text_is_the_same_if_its_text_is_and_its_file_as_far_as_both_are_known() -> None:
    assert same(TextImage("<a/>", FILE), TextImage("<a/>", LATER))
    assert same(TextImage("<a/>", FILE), TextImage("<a/>"))
    assert not same(TextImage("<a/>", FILE), TextImage("<a/>", OTHER))
    assert not same(TextImage("<a/>", FILE), TextImage("<b/>", FILE))
