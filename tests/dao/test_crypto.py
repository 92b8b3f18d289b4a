"""What a vault seals only it opens, where it was sealed; and nothing it shows or says holds a key or a text."""

from __future__ import annotations

import base64
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mentorbase import KeyMissing, KeyUnknown, Settings, SetupError, Tampered, Vault

OLD, NEW, OTHER, INDEX = (bytes([number]) * 32 for number in range(1, 5))
TEXT = "a secret of the heart"


def base64_of(key: bytes) -> str:
    return base64.b64encode(key).decode()


def loaded(keys: str | None, index: str | None = base64_of(INDEX)) -> Vault:
    return Vault.load(Settings(_env_file=None, mentorbase_keys=keys, mentorbase_index_key=index))


@given(text=st.text(), context=st.lists(st.one_of(st.text(), st.integers())))
def test_whatever_is_sealed_opens_where_it_was_sealed(text, context):
    vault = Vault({1: OLD}, INDEX)
    assert vault.open(vault.seal(text, *context), *context) == text


def test_the_first_key_encrypts_and_the_others_still_read():
    before = Vault({1: OLD}, INDEX).seal(TEXT)
    after = Vault({300: NEW, 1: OLD}, INDEX)
    assert after.key_ids == (300, 1)
    assert after.open(before) == TEXT
    assert after.seal(TEXT)[:3] == b"\x01" + (300).to_bytes(2)


def test_the_same_text_is_never_sealed_the_same():
    vault = Vault({1: OLD}, INDEX)
    assert len({vault.seal(TEXT) for _ in range(100)}) == 100


def test_a_key_that_is_gone_is_named():
    sealed = Vault({2: NEW}, INDEX).seal(TEXT)
    with pytest.raises(KeyUnknown) as caught:
        Vault({1: OLD}, INDEX).open(sealed)
    assert caught.value.key_id == 2
    assert str(caught.value) == "key 2 is not known here. Add 2:<base64> to MENTORBASE_KEYS"


def test_another_key_of_the_same_number_does_not_open():
    with pytest.raises(Tampered):
        Vault({1: OTHER}, INDEX).open(Vault({1: OLD}, INDEX).seal(TEXT))


@pytest.mark.parametrize("place", range(3 + 12 + len(TEXT) + 16))
def test_a_changed_byte_is_noticed_wherever_it_is(place):
    vault = Vault({1: OLD, 0x0101: NEW, 0x0100: OTHER}, INDEX)
    sealed = bytearray(vault.seal(TEXT, "t", 7))
    sealed[place] ^= 1
    with pytest.raises((Tampered, KeyUnknown)):
        vault.open(bytes(sealed), "t", 7)


def test_a_key_number_that_was_changed_to_another_known_one_is_noticed():
    vault = Vault({1: OLD, 2: NEW}, INDEX)
    sealed = bytearray(vault.seal(TEXT))
    sealed[2] = 2
    with pytest.raises(Tampered):
        vault.open(bytes(sealed))


@pytest.mark.parametrize("context", [(), ("t", 8), ("t", "7"), ("t7",), ("t", 7, ""), ("u", 7)])
def test_it_does_not_open_in_another_context(context):
    vault = Vault({1: OLD}, INDEX)
    with pytest.raises(Tampered):
        vault.open(vault.seal(TEXT, "t", 7), *context)


@pytest.mark.parametrize(
    "stored", [b"", b"\x01", b"\x01\x00\x01" + bytes(27), b"\x02\x00\x01" + bytes(60), b"text" * 9]
)
def test_what_is_no_ciphertext_is_not_opened(stored):
    with pytest.raises(Tampered):
        Vault({1: OLD}, INDEX).open(stored)


def test_the_blind_index_is_the_same_for_the_same_and_for_nothing_else():
    vault = Vault({1: OLD}, INDEX)
    found = vault.blind_index("a", "t", "email")
    assert len(found) == 32
    assert found == Vault({2: NEW}, INDEX).blind_index("a", "t", "email")
    others = [
        vault.blind_index("a", "t", "phone"),
        vault.blind_index("b", "t", "email"),
        vault.blind_index("emaila", "t"),
        Vault({1: OLD}, OTHER).blind_index("a", "t", "email"),
    ]
    assert len({found, *others}) == 5


def test_keys_come_from_the_settings_the_first_is_current():
    vault = loaded(f" 2:{base64_of(NEW)}, 1:{base64_of(OLD)} ")
    assert vault.key_ids == (2, 1)
    assert vault.open(Vault({1: OLD}, INDEX).seal(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("keys", "index", "variable"),
    [(None, base64_of(INDEX), "MENTORBASE_KEYS"), (f"1:{base64_of(OLD)}", None, "MENTORBASE_INDEX_KEY")],
)
def test_a_missing_key_is_said(keys, index, variable):
    with pytest.raises(KeyMissing, match=rf"^{variable} is not set\. Set it"):
        loaded(keys, index)


@pytest.mark.parametrize(
    ("keys", "index"),
    [
        (base64_of(OLD), base64_of(INDEX)),
        (f"one:{base64_of(OLD)}", base64_of(INDEX)),
        (f"0:{base64_of(OLD)}", base64_of(INDEX)),
        (f"65536:{base64_of(OLD)}", base64_of(INDEX)),
        (f"1:{base64_of(OLD)},1:{base64_of(NEW)}", base64_of(INDEX)),
        (f"1:{base64_of(OLD)},2:{base64_of(OLD)}", base64_of(INDEX)),
        (f"1:{base64_of(OLD)}", base64_of(OLD)),
        (f"1:{base64_of(OLD)},", base64_of(INDEX)),
        (f"1:{base64_of(OLD[:16])}", base64_of(INDEX)),
        ("1:correct horse battery staple", base64_of(INDEX)),
        (f"1:{base64_of(OLD)}", base64_of(INDEX[:31])),
        (f"1:{base64_of(OLD)}", "correct horse battery staple"),
    ],
)
def test_keys_that_cannot_be_read_are_refused_without_being_shown(keys, index):
    with pytest.raises(SetupError) as caught:
        loaded(keys, index)
    said = str(caught.value)
    assert said.startswith(("MENTORBASE_KEYS", "MENTORBASE_INDEX_KEY"))
    assert type(caught.value) is SetupError
    assert not any(part in said for part in (base64_of(OLD)[:8], base64_of(NEW)[:8], "horse"))
    assert caught.value.__cause__ is None


def test_nothing_that_is_shown_holds_a_key():
    vault = loaded(f"1:{base64_of(OLD)}")
    settings = Settings(_env_file=None, mentorbase_keys=f"1:{base64_of(OLD)}", mentorbase_index_key=base64_of(INDEX))
    shown = [repr(vault), str(vault), str(vars(vault)), repr(settings), str(settings.model_dump())]
    for key in (OLD, INDEX):
        assert not any(base64_of(key)[:10] in text or repr(key)[2:10] in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(vault)
