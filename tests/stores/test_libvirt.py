"""What virsh says is understood, and definitions go to its standard input alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from virtwarden.edits import InsertElement
from virtwarden.model import Document
from virtwarden.stores.images import Nothing, StateImage, StoreError, TextImage
from virtwarden.stores.libvirt import domains, nwfilters
from virtwarden.stores.programs import Programs, Said

UUID = "6d6f636b-0000-4000-8000-000000000001"
OTHER = "6d6f636b-0000-4000-8000-000000000002"
WEB = f"<domain><name>web</name><uuid>{UUID}</uuid></domain>"
SECRET = WEB.replace("</domain>", "<devices><graphics passwd='secret'/></devices></domain>")
FILTERS = f" UUID   Name\n----\n {UUID}   clean-traffic\n {OTHER}  old virsh fills up    \n"
ELSEWHERE = "qemu+unix:///system"


@dataclass(frozen=True, slots=True)
class Stub(Programs):
    """A virsh that answers by its command, and notes what it is asked."""

    answers: dict[str, Said] = field(default_factory=dict)
    asked: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    def ask(self, argv: Sequence[str], given: str = "") -> Said:
        words = tuple(argv)
        assert words[:4] == ("virsh", "--connect", ELSEWHERE, "--quiet")
        self.asked.append((words[4:], given))
        called = " ".join(words[4:])
        return next((said for start, said in self.answers.items() if called.startswith(start)), Said(0, "", ""))


def answering(**answers: str) -> Stub:
    said = {name.replace("_", "-"): Said(0, text, "") for name, text in answers.items()}
    return Stub(answers={"list --uuid --name --all": Said(0, f"{UUID} web\n\n", ""), **said})


def test_a_definition_goes_to_standard_input_and_is_checked_where_virsh_can() -> None:
    for known, flag in (("[--validate]", ("--validate",)), ("", ())):
        stub = answering(dumpxml=WEB, help=known)
        domains(stub, ELSEWHERE).put("web", TextImage(SECRET))
        assert (("define", "/dev/stdin", *flag), SECRET) in stub.asked
        assert not any("secret" in " ".join(words) for words, _ in stub.asked)


def test_an_old_definition_is_not_checked() -> None:
    stub = answering(dumpxml=WEB, help="[--validate]")
    domains(stub, ELSEWHERE, checked=False).put("web", TextImage(SECRET))
    assert (("define", "/dev/stdin"), SECRET) in stub.asked


def test_what_is_so_already_is_not_defined_again() -> None:
    stub = answering(dumpxml=WEB)
    assert domains(stub, ELSEWHERE).put("web", TextImage(WEB)) == TextImage(WEB)
    assert not any("define" in words for words, _ in stub.asked)


def test_filters_are_found_in_the_table_of_any_virsh() -> None:
    filters = nwfilters(answering(nwfilter_list=FILTERS, nwfilter_dumpxml="<filter/>"), ELSEWHERE)
    for name in ("clean-traffic", "old virsh fills up"):
        assert filters.image(name) == TextImage("<filter/>")
    assert filters.image("Name") == Nothing()


def test_a_list_that_is_not_understood_does_not_mean_that_there_are_no_guests() -> None:
    stub = Stub(answers={"list": Said(0, f"{UUID}\n{OTHER}\n\n", "")})
    with pytest.raises(StoreError, match="not understood"):
        domains(stub, ELSEWHERE).image("web")


def test_edits_are_made_in_the_text() -> None:
    store = domains(Programs())
    document = Document("domain", "web")
    edited = store.edited(document, TextImage(WEB), (InsertElement(".", "<title>t</title>"),))
    assert edited == TextImage(WEB.replace("</domain>", "<title>t</title></domain>"))
    with pytest.raises(StoreError, match="no element at os"):
        store.edited(document, TextImage(WEB), (InsertElement("os", "<smbios/>"),))
    with pytest.raises(StoreError, match="there is no such document"):
        store.edited(document, Nothing(), (InsertElement("os", "<smbios/>"),))
    assert store.edited(document, TextImage(WEB), ()) == TextImage(WEB)


def test_what_is_no_definition_is_refused() -> None:
    store = domains(answering(dumpxml=WEB), ELSEWHERE)
    with pytest.raises(StoreError, match="domain web is no text"):
        store.put("web", StateImage({}))
    with pytest.raises(StoreError, match="not well-formed XML"):
        store.put("web", TextImage("<domain"))
