"""Whether a baseline of the host's files is kept to compare them with."""

import pytest

from tests.kit import entry, made, refusing
from virtwarden.facts.integrity import Integrity
from virtwarden.host import Absent, Unknown


def test_the_first_program_and_its_baseline_are_found() -> None:
    stats = [entry("/usr/bin/aide"), entry("/var/lib/tripwire/kvm7.twd")]
    found = made(stats=stats).get(Integrity)
    assert found.program is not None
    assert found.baseline is not None
    assert (found.program.path, found.baseline.path) == ("/usr/bin/aide", "/var/lib/tripwire/kvm7.twd")


def test_nothing_is_an_answer_and_a_refusal_is_none() -> None:
    assert made().get(Integrity) == Integrity(None, None)
    assert made(files={"/usr/sbin/aide": Absent("gone")}).get(Integrity).program is None
    with pytest.raises(Unknown):
        refusing().get(Integrity)
    gone = made(stats={"/usr/sbin/aide": Unknown("denied")})
    with pytest.raises(Unknown):
        gone.get(Integrity)
