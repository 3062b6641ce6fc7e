"""A second reader of vaults, written from docs/vault-format.md alone. It shares no code with the
engine: where the two disagree, the document or the engine is wrong. Slow, and without mercy."""

from __future__ import annotations

import json
import struct
import unicodedata
from pathlib import Path

import zstandard
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

C = "lastgood vault format 1: "


def keyed(key: bytes, data: bytes, length: int = 32) -> bytes:
    return blake3(data, key=key).digest(length=length)


def derive(purpose: str, material: bytes) -> bytes:
    return blake3(material, derive_key_context=C + purpose).digest()


def canonical(document: dict) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def without(document: dict, field: str) -> bytes:
    return canonical({key: value for key, value in document.items() if key != field})


class Reader:
    """A whole vault, read at once."""

    def __init__(self, root: Path, *, passphrase: str = "", console: bytes = b"") -> None:
        self.root = root
        config = self.document("config")
        self.vault_id = bytes.fromhex(config["vault_id"])
        self.master = self.unlock(passphrase, console)
        assert config["mac"] == keyed(self.key("config"), without(config, "mac")).hex()
        self.chunks: dict[bytes, bytes] = {}
        for path in sorted((root / "packs").iterdir()):
            self.read_pack(path)

    def key(self, purpose: str) -> bytes:
        return derive(purpose, self.master + self.vault_id)

    def document(self, name: str) -> dict:
        line, checksum, end = (self.root / name).read_bytes().split(b"\n")
        assert checksum == blake3(line).hexdigest().encode()
        assert end == b""
        assert canonical(json.loads(line)) == line
        return json.loads(line)

    def unlock(self, passphrase: str, console: bytes) -> bytes:
        for path in (self.root / "keys").iterdir():
            slot = self.document(f"keys/{path.name}")
            salt = bytes.fromhex(slot["salt"])
            if slot["kind"] == "passphrase" and passphrase:
                stretched = hash_secret_raw(
                    unicodedata.normalize("NFC", passphrase).encode(), salt, slot["rounds"],
                    slot["memory_kib"], slot["lanes"], 32, Type.ID, 0x13,
                )  # fmt: skip
                wrapping = derive("wrapping by passphrase", stretched)
            elif slot["kind"] == "console" and console:
                wrapping = derive("wrapping by console", console + salt)
            else:
                continue
            assert slot["check"] == keyed(wrapping, b"check").hex()
            box = bytes.fromhex(slot["box"])
            cipher = AESGCM(keyed(wrapping, b"box"))
            return cipher.decrypt(bytes(12), box, without(slot, "box"))
        raise AssertionError("no slot fits")

    def records(self, data: bytes, kind: bytes, name: str) -> Records:
        magic, version, found, salt, commitment = struct.unpack_from("<3sBc3x32s32s", data)
        assert (magic, version, found) == (b"LGV", 1, kind)
        keys = keyed(self.key("objects"), self.vault_id + kind + salt, 96)
        assert keys[64:] == commitment
        bound = b"\x01" + self.vault_id + kind + salt + name.encode()
        return Records(keys[:32], keys[32:64], bound)

    def read_pack(self, path: Path) -> None:
        data = path.read_bytes()
        assert blake3(data).hexdigest() == path.name
        assert len(data) % 65536 == 0
        kind = data[4:5]
        records = self.records(data, kind, "")
        trailer = records.read_trailer(data)
        (count,) = struct.unpack_from("<I", trailer)
        ids = trailer[4 + 16 * count :]
        at, first = 72, 0
        for counter in range(count):
            offset, length, raw, chunks = struct.unpack_from("<IIII", trailer, 4 + 16 * counter)
            assert offset == at
            content, at, _ = records.read(counter, data, at)
            assert (at - offset, len(content)) == (length, raw)
            self.read_segment(content, ids[32 * first : 32 * (first + chunks)], kind)
            first += chunks
        assert len(ids) == 32 * first

    def segments_without_trailer(self, path: Path) -> list[bytes]:
        """A pack's segments, found one after another (part 5, last paragraph)."""
        data = path.read_bytes()
        records, found, at = self.records(data, data[4:5], ""), [], 72
        try:
            while True:
                content, at, _ = records.read(len(found), data, at)
                found.append(content)
        except InvalidTag:
            return found

    def read_segment(self, content: bytes, ids: bytes, kind: bytes) -> None:
        assert b"".join(self.take_segment(content, kind)) == ids

    def take_segment(self, content: bytes, kind: bytes) -> list[bytes]:
        (count,) = struct.unpack_from("<I", content)
        at = 4 + 4 * count
        key = self.key("data_ids" if kind == b"D" else "manifest_ids")
        found = []
        for length in struct.unpack_from(f"<{count}I", content, 4):
            chunk = content[at : at + length]
            at += length
            found.append(keyed(key, chunk))
            self.chunks[found[-1]] = chunk
        assert at == len(content)
        return found

    def chunk(self, ref: bytes) -> bytes:
        found = self.chunks[ref[:32]]
        assert len(found) == int.from_bytes(ref[32:], "little")
        return found

    def root_of(self, snapshot_id: str) -> tuple[dict, list[dict]]:
        """A snapshot's facts and its entries."""
        name = f"snapshots/{snapshot_id}"
        data = (self.root / name).read_bytes()
        assert len(data) % 4096 == 0
        records = self.records(data, b"S", name)
        facts, at, flags = records.read(0, data, 72)
        assert flags == 0
        parts, at, flags = records.read(1, data, at)
        assert (at, flags) == (len(data), 1)
        return json.loads(facts), list(self.rows(parts))

    def rows(self, parts: bytes):
        (count,), at = struct.unpack_from("<I", parts), 4
        for _ in range(count):
            row_count, length = struct.unpack_from("<II", parts, at + 36)
            chunk = self.chunk(parts[at : at + 36])
            first = parts[at + 44 : at + 44 + length]
            at += 44 + length
            ends = struct.unpack_from(f"<{row_count}I", chunk, 4)
            assert struct.unpack_from("<I", chunk) == (row_count,)
            start = 4 + 4 * row_count
            rows = [
                self.row(chunk[start + begin : start + end])
                for begin, end in zip((0, *ends), ends, strict=False)
            ]
            assert rows[0]["path"] == first
            yield from rows

    def row(self, row: bytes) -> dict:
        names = [
            "kind",
            "mode",
            "uid",
            "gid",
            "size",
            "mtime_s",
            "mtime_ns",
            "ctime_s",
            "ctime_ns",
            "inode",
            "device",
            "path",
            "user",
            "group",
            "hardlink",
            "target",
            "attributes",
        ]
        found = dict(zip(names, struct.unpack_from("<BxHIIQqIqIQQIHHIII", row, 4), strict=True))
        at = 4 + struct.calcsize("<BxHIIQqIqIQQIHHIII")
        for name in ("path", "user", "group", "hardlink", "target"):
            found[name], at = row[at : at + found[name]], at + found[name]
        attributes = []
        for _ in range(found["attributes"]):
            name_n, value_n = struct.unpack_from("<HI", row, at)
            at += 6
            attributes.append((row[at : at + name_n], row[at + name_n : at + name_n + value_n]))
            at += name_n + value_n
        found["attributes"] = attributes
        assert at == 4 + struct.unpack_from("<I", row)[0]
        found["content"] = self.content(row[at:], found["size"]) if row[at:] else None
        return found

    def content(self, part: bytes, size: int) -> bytes:
        digest, flags, holes, refs = struct.unpack_from("<32sB3xII", part)
        at = 44 + 16 * holes
        assert len(part) == at + 36 * refs
        listed = [part[at + 36 * number : at + 36 * number + 36] for number in range(refs)]
        if flags & 2:
            joined = b"".join(map(self.chunk, listed))
            listed = [joined[start : start + 36] for start in range(0, len(joined), 36)]
        data = b"".join(map(self.chunk, listed))
        whole = bytearray()
        for number in range(holes):
            offset, length = struct.unpack_from("<QQ", part, 44 + 16 * number)
            take = offset - len(whole)
            whole += data[:take] + bytes(length)
            data = data[take:]
        whole += data
        assert (len(whole), blake3(whole).digest()) == (size, digest)
        return bytes(whole)


class Records:
    """The records of one object."""

    def __init__(self, record_key: bytes, mark_key: bytes, bound: bytes) -> None:
        self.record_key, self.mark_key, self.bound = record_key, mark_key, bound

    def read(self, counter: int, data: bytes, at: int) -> tuple[bytes, int, int]:
        """A record's content, where the next one begins, and its flags."""
        head = self.head(counter, data[at : at + 72])
        end = at + 72 + head[3] + head[4] + 16
        return self.body(counter, data[at : at + 32], head, data[at + 72 : end]), end, head[1]

    def read_trailer(self, data: bytes) -> bytes:
        head = self.head(1 << 63, data[-72:])
        assert head[:2] == (0, 1)
        body = data[-72 - head[3] - head[4] - 16 : -72]
        return self.body(1 << 63, data[-72:-40], head, body)

    def cipher(self, counter: int, mark: bytes) -> AESGCM:
        return AESGCM(keyed(self.record_key, struct.pack("<Q", counter) + mark))

    def head(self, counter: int, sealed: bytes) -> tuple[int, ...]:
        number = struct.pack("<Q", counter)
        cipher = self.cipher(counter, sealed[:32])
        plain = cipher.decrypt(number + b"head", sealed[32:], self.bound + number)
        return struct.unpack("<BB2xIII8x", plain)

    def body(self, counter: int, mark: bytes, head: tuple[int, ...], sealed: bytes) -> bytes:
        codec, _, raw_length, frame_length, padding = head
        number, plain = struct.pack("<Q", counter), struct.pack("<BB2xIII8x", *head)
        cipher = self.cipher(counter, mark)
        opened = cipher.decrypt(number + b"body", sealed, self.bound + number + plain)
        frame = opened[:frame_length]
        assert opened[frame_length:] == bytes(padding)
        assert mark == keyed(self.mark_key, number + plain + frame)
        content = zstandard.ZstdDecompressor().decompress(frame) if codec == 1 else frame
        assert len(content) == raw_length
        return content
