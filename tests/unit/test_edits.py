"""Edits in words."""

import pytest

from virtwarden import edits


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (edits.SetConf("vnc_tls", 1), "set vnc_tls = 1"),
        (edits.SetConf("vnc_listen", "::1"), 'set vnc_listen = "::1"'),
        (edits.SetConf("namespaces", ("mount",)), 'set namespaces = [ "mount" ]'),
        (edits.SetConf("namespaces", ()), "set namespaces = []"),
        (edits.SetLine("PermitRootLogin", "no", " "), "set PermitRootLogin no"),
        (edits.AddLine("-w /etc -p wa"), "add the line -w /etc -p wa"),
        (edits.RemoveLine("listen_tcp"), "remove listen_tcp"),
        (
            edits.SetAttribute("devices/graphics", "listen", "127.0.0.1"),
            "set listen='127.0.0.1' on devices/graphics",
        ),
        (edits.RemoveAttribute("devices/graphics", "websocket"), "remove websocket from devices/graphics"),
        (edits.InsertElement("devices", "<rng/>"), "add <rng/> below devices"),
        (edits.RemoveElement("seclabel"), "remove seclabel"),
        (edits.SetMode(0o600, "root", None, "x:y"), "set mode 0600, owner root, label x:y"),
        (edits.Replace(None), "remove it"),
        (edits.Replace("a = 1\n"), "write:\na = 1\n"),
        (edits.SetState("masked"), "make it masked"),
        (edits.Do("reboot"), "reboot"),
    ],
)
def test_an_edit_reads_as_the_rest_of_a_sentence(edit: edits.Edit, words: str) -> None:
    assert edits.describe(edit) == words
