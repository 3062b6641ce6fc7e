"""Cipher, digests, compression and chunker are asked for known answers before a process writes."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file
from webapp.vault import SelfTestFailed, Vault, self_test
from webapp.vault.storage.memory import MemoryStorage


class Trusting:
    def __init__(self, key):
        self._real = AESGCM(key)

    def encrypt(self, *parts):
        return self._real.encrypt(*parts)

    def decrypt(self, nonce, sealed, bound):
        return bytes(16)


class Weak(Trusting):
    def encrypt(self, *parts):
        sealed = self._real.encrypt(*parts)
        return bytes([sealed[0] ^ 1]) + sealed[1:]


def other_digest(*arguments, **options):
    from hashlib import blake2b

    class Other:
        def hexdigest(self):
            return blake2b(digest_size=32).hexdigest()

        def digest(self, length=32):
            return bytes(length)

    return Other()


BROKEN = {
    "digests": ("blake3", other_digest),
    "encryption": ("AESGCM", Weak),
    "authentication": ("AESGCM", Trusting),
    "compression": ("frames.decode", lambda head, frame, *, where: b"x" * head.raw_length),
    "chunker": ("cuts", lambda window, profile, *, at_end: [(0, len(window))]),
}


@pytest.fixture(autouse=True)
def anew():
    self_test.passed.cache_clear()
    yield
    self_test.passed.cache_clear()


def broken(monkeypatch, what: str) -> None:
    name, instead = BROKEN[what]
    monkeypatch.setattr(f"webapp.vault.self_test.{name}", instead)


def test_this_machine_computes_rightly():
    assert self_test.passed()


@pytest.mark.parametrize("what", BROKEN)
def test_a_machine_that_computes_wrongly_makes_no_vault(monkeypatch, what):
    storage = MemoryStorage()
    broken(monkeypatch, what)

    with pytest.raises(SelfTestFailed, match="nothing was written"):
        Vault.create(storage, wrap=KEY)

    assert storage.objects == {}


@pytest.mark.parametrize("what", BROKEN)
def test_a_machine_that_computes_wrongly_writes_no_backup(monkeypatch, vault, storage, what):
    self_test.passed.cache_clear()
    before = dict(storage.objects)
    broken(monkeypatch, what)

    with pytest.raises(SelfTestFailed):
        vault.backup(MemorySource((file(b"tree"), b"x")), name="site", report=Notes())

    assert storage.objects == before


def test_the_test_takes_a_few_milliseconds_and_is_done_once(monkeypatch):
    self_test.passed()
    self_test.passed.cache_clear()
    started = time.process_time()
    self_test.passed()

    assert time.process_time() - started < 0.05  # 2 ms where nothing else runs
    monkeypatch.setattr(self_test, "_TESTS", {"never": lambda: False})
    assert self_test.passed()
