from __future__ import annotations

import pytest

from appliance.seal.errors import PassphraseRefused
from appliance.seal.passphrase import check_strength


@pytest.mark.parametrize("good", ["correct horse battery", "k3J+x/9QmZ0aLw7V", "ährenfeld-öl-üben-ß"])
def test_long_ones_will_do(good: str) -> None:
    check_strength(good)


@pytest.mark.parametrize("bad", ["", "hospital", "k3J+x/9QmZ0aLw7", "abcabcabcabcabcabcabc", " " * 40])
def test_short_and_repeated_ones_will_not_and_are_not_repeated(bad: str) -> None:
    with pytest.raises(PassphraseRefused) as refusal:
        check_strength(bad)
    assert not bad.strip() or bad not in str(refusal.value)
