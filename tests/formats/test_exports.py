"""exports(5) as exportfs reads it."""

import pytest

from virtwarden.formats.exports import Export, parse


def test_each_client_of_a_line_is_an_export() -> None:
    text = "# the guests' images\n/srv/vm 10.30.0.0/24(rw,no_root_squash) *.example.com(ro)\n"
    assert parse(text) == (
        Export("/srv/vm", "10.30.0.0/24", ("rw", "no_root_squash"), 2),
        Export("/srv/vm", "*.example.com", ("ro",), 2),
    )


def test_defaults_quotes_escapes_continuations_and_lines_without_a_client() -> None:
    text = (
        '"/srv/two words" -ro,sync a b(rw)\n/srv/sp\\040ace (ro) # all\n/a \\\n  b(rw) \\\n  c\n/pub\nodd\n/z \\'
    )
    assert [(each.path, each.client, each.options, each.line) for each in parse(text)] == [
        ("/srv/two words", "a", ("ro", "sync"), 1),
        ("/srv/two words", "b", ("ro", "sync", "rw"), 1),
        ("/srv/sp ace", "*", ("ro",), 2),
        ("/a", "b", ("rw",), 3),
        ("/a", "c", (), 3),
        ("/pub", "*", (), 6),
        ("/z", "*", (), 8),
    ]


@pytest.mark.parametrize(
    ("options", "squashes"),
    [
        ("", True),
        ("rw", True),
        ("no_root_squash", False),
        ("root_squash,anonuid=0", False),
        ("all_squash,anonuid=65534,anonuid=0", False),
        ("all_squash,anonuid=64055,anongid=0", True),
        ("no_root_squash,root_squash", True),
        ("no_root_squash,all_squash", True),
        ("all_squash,no_root_squash", True),
        ("all_squash,no_all_squash,no_root_squash", False),
    ],
)
def test_who_is_squashed(options: str, squashes: bool) -> None:
    (export,) = parse(f"/srv a({options})\n")
    assert export.squashes_root is squashes


def test_the_last_word_says_whether_it_is_writable() -> None:
    assert [each.is_writable for each in parse("/a b(ro,rw) c(rw,ro) d\n")] == [True, False, False]
