"""The policy: strict about keys, gentle about what it is not told."""

from datetime import date

import pytest

from tests.kit import made
from virtwarden.facts.policy import Policy, PolicyError, matches, parse_table, policy_from


def policy(text: str) -> Policy:
    return policy_from(parse_table(text, "policy.toml"), where="policy.toml")


def test_a_host_that_is_told_nothing_has_the_default() -> None:
    assert made().get(Policy) == Policy()


def test_values_and_waivers_are_read() -> None:
    read = policy(
        """
        profile = "strict"
        [network]
        management_interface = "mgmt0"
        vlans = { br_v19 = 19 }
        [limits.classes.tenant]
        guests = ["t-*"]
        cpu_percent = 200
        [[waiver]]
        control = "qemu-seccomp-on"
        reason = "a device under test"
        owner = "anna"
        ends = 2026-12-31
        """
    )
    assert (read.profile, read.network.management_interface, read.network.vlans) == (
        "strict",
        "mgmt0",
        {"br_v19": 19},
    )
    assert read.limits.classes["tenant"].cpu_percent == 200
    assert read.waiver[0].ends == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("proflie = 'strict'", "there is no key proflie; did you mean profile?"),
        (
            "[network]\nmanagment_interface = 'x'",
            "there is no key network.managment_interface; did you mean management",
        ),
        (
            "[limits.classes.a]\nguests = []\ncpu_precent = 1",
            "limits.classes.a.cpu_precent; did you mean cpu_percent?",
        ),
        ("[[waiver]]\ncontrol = 'x'\nreson = 'y'", "there is no key waiver.reson; did you mean reason?"),
        ("[[waiver]]\ncontrol = 'x'\nreason = 'y'\nowner = 'z'", "waiver[0] has no ends"),
        ("profile = 3", "profile has to be a text, not a whole number"),
        ("[tcb]\nallow_smt = 'no'", "tcb.allow_smt has to be true or false, not a text"),
        ("[network]\nvlans = { br0 = 'x' }", "network.vlans.NAME has to be a whole number, not a text"),
        ("[network]\nmanagement_interface = 3", "network.management_interface has to be a text, not a whole"),
        ("[waiver]\ncontrol = 'x'", "waiver has to be a list, not a table"),
        ("[tcb]\nallowed_listeners = ['tpc/22']", "tcb: 'tpc/22' is no listener; write tcp/22"),
        ("[tcb]\nallowed_listeners = ['tcp/70000']", "is no listener"),
        ("[tcb]\nallowed_listeners = ['tcp/9-8']", "is no listener"),
        ("[tcb]\nallowed_listeners = ['tcp/0']", "is no listener"),
        (
            "[[waiver]]\ncontrol = 'x'\nreason = ' '\nowner = 'z'\nends = 2027-01-01",
            "waiver[0]: there is nothing in reason",
        ),
        (
            "[[waiver]]\ncontrol = 'x'\nreason = 'y'\nowner = ''\nends = 2027-01-01",
            "waiver[0]: there is nothing in owner",
        ),
        (
            "[[waiver]]\ncontrol = 'x'\nreason = 'y'\nowner = 'z'\nends = 'soon'",
            "waiver[0].ends: Invalid",
        ),
        ("profile = ", "is not TOML"),
        ("zzzz = 1", "the keys are audit, console"),
    ],
)
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(PolicyError) as wrong:
        policy(text)
    assert says in str(wrong.value)
    assert "policy.toml" in str(wrong.value)


def test_later_tables_override_earlier_ones_key_by_key() -> None:
    profile = {"remote": {"rsa_bits": 3072, "leaf_days": 398}}
    site = {"remote": {"leaf_days": 90}}
    read = policy_from(profile, site, where="x")
    assert (read.remote.rsa_bits, read.remote.leaf_days) == (3072, 90)


def test_patterns_are_shell_patterns_with_case() -> None:
    assert matches("web-1", ("db-*", "web-?"))
    assert not matches("Web-1", ("web-?",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[network]\nmanagement_sources = ['192.0.2.1/24']", "network: 192.0.2.1/24 has host bits set"),
        ("[network]\nmanagement_sources = ['::/0']", "::/0 in management_sources is everybody"),
        ("[network]\nmanagement_sources = ['kvm7']", "'kvm7' does not appear to be an IPv4 or IPv6 network"),
        ("[network]\nmigration_address = '0.0.0.0'", "0.0.0.0 as migration_address is every address"),
        ("[remote]\nssh_user = 'a b'", "'a b' is no name of an account"),
        ("[remote]\nssh_user = 'a\\nMatch all'", "is no name of an account"),
        ("[remote]\ntransport = 'tcp'", "remote.transport"),
        ("[console]\nlast_port = 5900", "last_port is 5900; it lies between 5900 and 65535"),
    ],
)
def test_what_would_let_everybody_in_or_nobody_is_refused(text: str, says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy(text)
    assert says in str(refused.value)
