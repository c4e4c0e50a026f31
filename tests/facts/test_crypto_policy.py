"""The distribution's one policy for all cryptographic libraries."""

import pytest

from tests.kit import made, refusing
from virtwarden.facts.crypto_policy import CONFIG, CryptoPolicy
from virtwarden.host import Absent, Unknown


def test_the_first_word_that_is_no_comment_counts() -> None:
    policy = made(files={CONFIG: "# one of DEFAULT, LEGACY\n\ndefault:sha1 # for the old NAS\n"}).get(CryptoPolicy)
    assert (policy.configured.value, policy.configured.evidence.line) == ("DEFAULT:SHA1", 3)
    assert policy.applied is None
    assert "state/current" in policy.refusal


def test_no_policy_and_a_refused_one() -> None:
    with pytest.raises(Absent, match="no system-wide"):
        made().get(CryptoPolicy)
    with pytest.raises(Unknown, match="names no policy"):
        made(files={CONFIG: "# nothing\n"}).get(CryptoPolicy)
    with pytest.raises(Unknown):
        refusing().get(CryptoPolicy)
