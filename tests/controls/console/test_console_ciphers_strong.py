"""QEMU is not told to use TLS that is known to be weak."""

from tests.kit import judge, made, results
from virtwarden.controls.console.console_ciphers_strong import CONTROL
from virtwarden.edits import RemoveLine
from virtwarden.facts.gnutls import Gnutls
from virtwarden.facts.qemu_conf import QemuConf


def test_an_old_version_fails_and_its_line_is_taken_out() -> None:
    (finding,) = judge(CONTROL, made(QemuConf(vnc_tls_priority="NORMAL"), Gnutls()))
    assert (finding.result, finding.message) == ("fail", "it is NORMAL and allows TLS1.0, TLS1.1")
    assert finding.fix[0].edit == RemoveLine("vnc_tls_priority")


def test_a_strong_one_passes() -> None:
    conf = QemuConf(default_tls_priority="NORMAL:-VERS-TLS1.0:-VERS-TLS1.1")
    assert results(CONTROL, made(conf, Gnutls())) == ["pass"]


def test_each_line_is_judged() -> None:
    conf = QemuConf(migrate_tls_priority="SUITEB192", nbd_tls_priority="LEGACY")
    assert results(CONTROL, made(conf, Gnutls())) == ["pass", "fail"]


def test_no_line_leaves_it_to_the_host() -> None:
    assert results(CONTROL, made(QemuConf(), Gnutls())) == ["notapplicable"]


def test_one_that_leans_on_a_policy_that_is_not_there_is_unknown() -> None:
    assert results(CONTROL, made(QemuConf(vnc_tls_priority="@SYSTEM"), Gnutls())) == ["unknown"]
