#!/usr/bin/env python3
"""Reads a Lastgood vault without Lastgood: lists its snapshots, restores them, checks them.

Keep this file with your backups. It needs Python 3.11 or newer and four libraries:

    pip install cryptography blake3 zstandard argon2-cffi

    python lastgood-reader.py VAULT list
    python lastgood-reader.py VAULT restore SNAPSHOT TARGET [PATH]
    python lastgood-reader.py VAULT verify [SNAPSHOT]

VAULT is a folder: the vault's own, a mounted one, or what was downloaded from a bucket, with the
same names in it. SNAPSHOT is the beginning of an id, or "latest". TARGET is a folder that is empty
or does not exist. PATH restores only that file or folder, such as tree/srv/web or /srv/web.

The passphrase comes from LASTGOOD_VAULT_PASSPHRASE, from --passphrase-file, or is asked for.
--console-key FILE takes a console's key instead (64 hex digits, from its recovery sheet), and
--sheet FILE a vault's recovery sheet, or what its code says, for a vault that has lost keys/.

Ends with 0: done, 1: something is damaged or could not be restored, 2: wrong use, 10: there is no
vault, 12: wrong passphrase or key. It never writes to the vault. docs/vault-format.md explains
every byte; "part 5" below means its part 5.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import hmac
import html
import json
import os
import stat
import struct
import sys
import unicodedata
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path

import zstandard
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CONTEXT = "lastgood vault format 1: "
KINDS = {1: "file", 2: "folder", 3: "symlink", 4: "fifo", 5: "character", 6: "block"}
FACTS = struct.Struct("<BxHIIQqIqIQQIHHIII")
FACT_NAMES = [
    *("kind", "mode", "uid", "gid", "size", "mtime_s", "mtime_ns", "ctime_s", "ctime_ns"),
    *("inode", "device", "path", "user", "group", "hardlink", "target", "attributes"),
]
FEATURES = {"private-boundaries"}  # what of a vault's features changes nothing for a reader
LARGEST = 128 << 20
CACHE_BYTES, BLOCK = 64 << 20, 1 << 20


class Broken(Exception):
    """Stored bytes are not what was written."""


class Refused(Exception):
    """Cannot go on: an exit code and a sentence."""


# Parts 2 and 3: documents and keys


def keyed(key: bytes, data: bytes, length: int = 32) -> bytes:
    return blake3(data, key=key).digest(length=length)


def derive(purpose: str, material: bytes) -> bytes:
    return blake3(material, derive_key_context=CONTEXT + purpose).digest()


def canonical_without(document: dict, field: str) -> bytes:
    rest = {key: value for key, value in document.items() if key != field}
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()


def parse_document(data: bytes, where: str) -> dict:
    line, _, checksum = data.partition(b"\n")
    if checksum.strip() != blake3(line).hexdigest().encode():
        raise Broken(f"{where}: its checksum does not match")
    document = json.loads(line)
    if not isinstance(document, dict):
        raise Broken(f"{where}: it is not a document")
    return document


def master_in(slot: dict, vault_id: str, secret: Secret) -> bytes | None:
    """The master key, if *slot* is this vault's and *secret* opens it."""
    if slot["vault_id"] != vault_id or slot["kind"] != secret.kind:
        return None
    salt = bytes.fromhex(slot["salt"])
    if secret.kind == "console":
        wrapping = derive("wrapping by console", secret.key + salt)
    else:
        rounds, memory, lanes = slot["rounds"], slot["memory_kib"], slot["lanes"]
        if not (0 < rounds <= 64 and 0 < memory <= 4 << 20 and 0 < lanes < 256):
            raise Broken(f"keys/{slot['id']}: its cost is out of bounds")
        stretched = hash_secret_raw(
            secret.passphrase(), salt, rounds, memory, lanes, 32, Type.ID, 0x13
        )
        wrapping = derive("wrapping by passphrase", stretched)
    if not hmac.compare_digest(keyed(wrapping, b"check").hex(), slot["check"]):
        return None
    cipher, box = AESGCM(keyed(wrapping, b"box")), bytes.fromhex(slot["box"])
    return cipher.decrypt(bytes(12), box, canonical_without(slot, "box"))


class Secret:
    """What opens the vault: a console's key, or a passphrase that is asked for when needed."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.kind = "console" if options.console_key else "passphrase"
        self.key = bytes.fromhex(first_line(options.console_key)) if options.console_key else b""
        self.file, self.text = options.passphrase_file, os.environ.get("LASTGOOD_VAULT_PASSPHRASE")

    def passphrase(self) -> bytes:
        if self.file:
            self.text = first_line(self.file)
        if self.text is None:
            self.text = getpass.getpass("Passphrase: ")
        return unicodedata.normalize("NFC", self.text).encode()


def first_line(path: str) -> str:
    return Path(path).read_text(encoding="utf-8").split("\n")[0].rstrip("\r")


# Part 4: sealed objects


class Sealed:
    """The records of one object."""

    def __init__(
        self, vault: Vault, prelude: bytes, kinds: bytes, name: str, *, bind: bool
    ) -> None:
        try:
            magic, version, kind, salt, commitment = struct.unpack_from("<3sBc3x32s32s", prelude)
        except struct.error:
            raise Broken(f"{name}: it is cut short") from None
        if magic != b"LGV" or kind not in kinds or version != 1:
            raise Broken(f"{name}: it is not what its name says")
        derived = keyed(vault.key("objects"), vault.vault_id + kind + salt, 96)
        if not hmac.compare_digest(derived[64:], commitment):
            raise Broken(f"{name}: its first bytes are damaged, or it is another vault's")
        self.kind, self.name = kind, name
        self._records, self._bound = derived[:32], b"\x01" + vault.vault_id + kind + salt
        self._bound += name.encode() if bind else b""

    def head(self, counter: int, sealed: bytes) -> tuple[int, int, int, int, int]:
        """Codec, flags, raw length, frame length, padding."""
        number = struct.pack("<Q", counter)
        plain = self._open(counter, sealed[:32], b"head", sealed[32:72], self._bound + number)
        return struct.unpack("<BB2xIII8x", plain)

    def content(self, counter: int, mark: bytes, head: tuple, body: bytes) -> bytes:
        codec, _, raw_length, frame_length, _ = head
        bound = self._bound + struct.pack("<Q", counter) + struct.pack("<BB2xIII8x", *head)
        frame = self._open(counter, mark, b"body", body, bound)[:frame_length]
        if codec == 1:
            try:
                if zstandard.frame_content_size(frame) != raw_length or raw_length > LARGEST:
                    raise Broken(f"{self.name}: record {counter} has another length")
                frame = zstandard.ZstdDecompressor().decompress(frame, max_output_size=raw_length)
            except zstandard.ZstdError:
                raise Broken(f"{self.name}: record {counter} cannot be decompressed") from None
        if codec not in (0, 1) or len(frame) != raw_length:
            raise Broken(f"{self.name}: record {counter} has another length or codec")
        return frame

    def record(self, counter: int, data: bytes, at: int) -> tuple[bytes, int, int]:
        """A whole record at *at*: its content, where it ends, its flags."""
        head = self.head(counter, data[at : at + 72])
        end = at + 72 + head[3] + head[4] + 16
        return self.content(counter, data[at : at + 32], head, data[at + 72 : end]), end, head[1]

    def _open(self, counter: int, mark: bytes, word: bytes, sealed: bytes, bound: bytes) -> bytes:
        number = struct.pack("<Q", counter)
        cipher = AESGCM(keyed(self._records, number + mark))
        try:
            return cipher.decrypt(number + word, sealed, bound)
        except (InvalidTag, ValueError):
            raise Broken(f"{self.name}: record {counter} is damaged") from None


# Parts 5 to 10: packs, chunks, manifests, snapshots


class Vault:
    def __init__(self, root: str, secret: Secret, sheet: str | None) -> None:
        self.root = Path(root)
        if not any((self.root / name).is_file() for name in ("config", "config-copy")):
            raise Refused(10, f"There is no vault in {root}.")
        config = self._document("config", "config-copy")
        features = set(config.get("features", ())) - {"private-boundaries"}  # for writers only
        if config.get("format") != 1 or features:
            raise Refused(10, "A later release wrote this vault: use the reader of that release.")
        self.vault_id = bytes.fromhex(config["vault_id"])
        self._master = self._unlock(secret, sheet)
        if config["mac"] != keyed(self.key("config"), canonical_without(config, "mac")).hex():
            raise Broken("config: it was not written by a holder of this key")
        self._segments: list[tuple[str, int, int, int]] = []  # pack, counter, offset, length
        self._places: dict[bytes, list[tuple[int, int]]] = {}  # chunk: segments, and places in them
        self._cache: OrderedDict[int, list[bytes]] = OrderedDict()
        self._cached, self._sealed = 0, {}

    def key(self, purpose: str) -> bytes:
        return derive(purpose, self._master + self.vault_id)

    def _document(self, *names: str) -> dict:
        problem = Broken(f"{names[0]}: it is missing")
        found = []
        for name in names:
            try:
                found.append(parse_document((self.root / name).read_bytes(), name))
            except FileNotFoundError:
                continue
            except (Broken, ValueError) as error:
                problem = Broken(str(error))
        if not found:
            raise problem
        return max(found, key=lambda document: document.get("revision", 0))

    def _unlock(self, secret: Secret, sheet: str | None) -> bytes:
        slots = [parse_document(sheet_bytes(sheet), "the sheet")] if sheet else []
        names = {one.name for folder in ("keys", "keys-copy") for one in self._list(folder)}
        problem = ""
        for name in sorted(names):
            try:
                slots.append(self._document(f"keys/{name}", f"keys-copy/{name}"))
            except Broken as error:
                problem = f" And {error}."
        for slot in slots:
            try:
                master = master_in(slot, self.vault_id.hex(), secret)
            except (InvalidTag, KeyError, TypeError, ValueError, Broken):
                problem = f" And keys/{slot.get('id')} is damaged."
                continue
            if master is not None:
                return master
        if not slots and not problem:
            raise Refused(12, "The vault has lost its keys. Give its recovery sheet: --sheet FILE")
        raise Refused(12, f"This passphrase or key opens none of {len(slots)} key slots.{problem}")

    def _list(self, folder: str) -> list[Path]:
        try:
            found = sorted((self.root / folder).iterdir())
        except FileNotFoundError:
            return []
        return [path for path in found if not path.name.endswith(".partial")]

    def load(self) -> None:
        """Learn from the packs' trailers where each chunk is; index objects are not needed."""
        for path in self._list("packs"):
            try:
                self._load_pack(path)
            except (Broken, struct.error) as error:
                warn(f"{error}; what is in it may be elsewhere too")

    def _load_pack(self, path: Path) -> None:
        name = f"packs/{path.name}"
        with path.open("rb") as file:
            sealed = Sealed(self, file.read(72), b"DM", name, bind=False)
            self._sealed[name] = sealed
            try:
                content = self._trailer(sealed, file, path.stat().st_size)
                (count,) = struct.unpack_from("<I", content)
                table = list(struct.iter_unpack("<IIII", content[4 : 4 + 16 * count]))
                ids = content[4 + 16 * count :]
                if len(table) != count or len(ids) != 32 * sum(row[3] for row in table):
                    raise Broken(f"{name}: its trailer does not add up")
            except (Broken, struct.error):
                table, ids = self._walk(sealed, path.read_bytes())
        at = 0
        for counter, (offset, length, _, chunks) in enumerate(table):
            for ordinal in range(chunks):
                place = (len(self._segments), ordinal)
                self._places.setdefault(bytes(ids[at : at + 32]), []).append(place)
                at += 32
            self._segments.append((name, counter, offset, length))

    def _trailer(self, sealed: Sealed, file, size: int) -> bytes:
        file.seek(max(size - 72, 0))
        tail = file.read(72)
        head = sealed.head(1 << 63, tail)
        file.seek(max(size - 72 - head[3] - head[4] - 16, 0))
        return sealed.content(1 << 63, tail[:32], head, file.read(head[3] + head[4] + 16))

    def _walk(self, sealed: Sealed, data: bytes) -> tuple[list[tuple], bytes]:
        """A lost trailer: the segments follow each other, and ids can be computed."""
        table, ids, at = [], b"", 72
        with contextlib.suppress(Broken):
            while True:
                head = sealed.head(len(table), data[at : at + 72])
                chunks: list[bytes] = []
                with contextlib.suppress(Broken):
                    chunks = split(sealed.record(len(table), data, at)[0], sealed.name)
                length = 72 + head[3] + head[4] + 16
                table.append((at, length, head[2], len(chunks)))
                ids += b"".join(keyed(self._id_key(sealed.kind), chunk) for chunk in chunks)
                at += length
        return table, ids

    def _id_key(self, kind: bytes) -> bytes:
        return self.key("data_ids" if kind == b"D" else "manifest_ids")

    def chunk(self, ref: bytes, kind: bytes) -> bytes:
        """A chunk by its reference, from whichever pack has it sound."""
        identity, length = ref[:32], int.from_bytes(ref[32:], "little")
        problem = Broken(f"packs: chunk {identity.hex()[:16]} is in no pack")
        for number, ordinal in self._places.get(identity, ()):
            try:
                chunk = self._segment(number)[ordinal]
                if len(chunk) == length and keyed(self._id_key(kind), chunk) == identity:
                    return chunk
                problem = Broken(f"{self._segments[number][0]}: a chunk is not what its id says")
            except (Broken, IndexError) as error:
                problem = Broken(str(error))
        raise problem

    def _segment(self, number: int) -> list[bytes]:
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        name, counter, offset, length = self._segments[number]
        try:
            with (self.root / name).open("rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise Broken(f"{name}: {error.strerror}") from None
        chunks = split(self._sealed[name].record(counter, data, 0)[0], name)
        self._cache[number] = chunks
        self._cached += sum(map(len, chunks))
        while self._cached > CACHE_BYTES and len(self._cache) > 1:
            self._cached -= sum(map(len, self._cache.popitem(last=False)[1]))
        return chunks

    def snapshots(self) -> list[tuple[dict, bytes]]:
        """Facts and the list of manifest chunks, newest first; those that are damaged are named."""
        found = []
        for path in self._list("snapshots"):
            name, data = f"snapshots/{path.name}", path.read_bytes()
            try:
                sealed = Sealed(self, data, b"S", name, bind=True)
                facts, at, _ = sealed.record(0, data, 72)
                parts, end, flags = sealed.record(1, data, at)
                if flags != 1 or end != len(data):
                    raise Broken(f"{name}: it does not end where it should")
                found.append((json.loads(facts), parts))
            except Broken as error:
                warn(str(error))
        order = lambda one: (one[0]["sequence"], one[0]["created_ns"], one[0]["id"])  # noqa: E731
        return sorted(found, key=order, reverse=True)

    def forgotten(self) -> set[str]:
        """Ids of snapshots that somebody has forgotten, and whose data may go. Part 11."""
        entries = []
        for path in self._list("forgotten"):
            name, data = f"forgotten/{path.name}", path.read_bytes()
            try:
                record = Sealed(self, data, b"F", name, bind=True).record(0, data, 72)
                entries += json.loads(record[0])
            except (Broken, ValueError) as error:
                warn(str(error))
        undone = {one for entry in entries for one in entry.get("undoes", ())}
        counting = [one for one in entries if one["id"] not in undone]
        return {one["snapshot"] for one in counting if one["what"] == "forget"}

    def entries(self, parts: bytes):
        """The rows of a manifest, part 8."""
        (count,), at = struct.unpack_from("<I", parts), 4
        for _ in range(count):
            row_count, path_length = struct.unpack_from("<II", parts, at + 36)
            data = self.chunk(parts[at : at + 36], b"M")
            at += 44 + path_length
            ends = struct.unpack_from(f"<{row_count}I", data, 4)
            start = first = 4 + 4 * row_count
            if struct.unpack_from("<I", data)[0] != row_count or first + ends[-1] != len(data):
                raise Broken("manifest: its rows do not add up")
            for end in ends:
                yield parse_row(data[start : first + end])
                start = first + end

    def extents(self, entry: dict):
        """A file's content in order: ``(offset, data)`` for what is stored, ``(offset, length)``
        for holes. Checked against its size and digest at the end."""
        digest, holes, pieces = self._pieces(entry)
        hasher, offset, rest = blake3(), 0, b""
        for hole_at, hole_length in [*holes, (entry["size"], 0)]:
            while offset < hole_at and (rest := rest or next(pieces, b"")):
                piece, rest = rest[: hole_at - offset], rest[hole_at - offset :]
                hasher.update(piece)
                yield offset, piece
                offset += len(piece)
            if offset != hole_at:
                raise Broken("manifest: a file's chunks and holes do not add up to its size")
            if hole_length:
                hash_zeros(hasher, hole_length)
                yield offset, hole_length
                offset += hole_length
        if rest or next(pieces, b"") or hasher.digest() != digest:
            raise Broken("its content is not what was backed up")

    def _pieces(self, entry: dict):
        """A file's digest, its holes, and its chunks one after another."""
        digest, flags, holes, count = struct.unpack_from("<32sB3xII", entry["content"])
        at = 44 + 16 * holes
        refs = entry["content"][at:]
        if len(refs) != 36 * count:
            raise Broken("manifest: a file's content part does not add up")
        if flags & 2:
            refs = b"".join(self.chunk(ref, b"M") for ref in cut(refs))
        pieces = (self.chunk(ref, b"D") for ref in cut(refs))
        return digest, struct.iter_unpack("<QQ", entry["content"][44:at]), pieces


def cut(refs: bytes) -> list[bytes]:
    return [refs[at : at + 36] for at in range(0, len(refs), 36)]


def hash_zeros(hasher: blake3, length: int) -> None:
    for _ in range(length // BLOCK):
        hasher.update(bytes(BLOCK))
    hasher.update(bytes(length % BLOCK))


def split(raw: bytes, name: str) -> list[bytes]:
    """The chunks of a segment."""
    try:
        (count,) = struct.unpack_from("<I", raw)
        lengths = struct.unpack_from(f"<{count}I", raw, 4)
    except struct.error:
        raise Broken(f"{name}: a segment's lengths are missing") from None
    if 4 + 4 * count + sum(lengths) != len(raw):
        raise Broken(f"{name}: a segment's lengths do not add up")
    chunks, at = [], 4 + 4 * count
    for length in lengths:
        chunks.append(raw[at : at + length])
        at += length
    return chunks


def parse_row(row: bytes) -> dict:
    """Part 9."""
    try:
        entry = dict(zip(FACT_NAMES, FACTS.unpack_from(row, 4), strict=True))
        at = 4 + FACTS.size
        for name in ("path", "user", "group", "hardlink", "target"):
            entry[name], at = row[at : at + entry[name]], at + entry[name]
        attributes = []
        for _ in range(entry["attributes"]):
            name_length, length = struct.unpack_from("<HI", row, at)
            at += 6
            name, at = row[at : at + name_length], at + name_length
            attributes.append((name, row[at : at + length]))
            at += length
        if at != 4 + struct.unpack_from("<I", row)[0]:
            raise Broken("manifest: a row does not add up")
    except struct.error:
        raise Broken("manifest: a row is malformed") from None
    kind = KINDS.get(entry["kind"], "?")
    return {**entry, "attributes": attributes, "kind": kind, "content": row[at:]}


# Restoring


class Restore:
    """Writes below one new folder. Each folder on the way is opened without following links, so
    that nothing is ever written elsewhere, whatever a manifest says."""

    def __init__(self, vault: Vault, target: str, under: bytes) -> None:
        self.vault, self.under = vault, under
        os.makedirs(target, exist_ok=True)
        if os.listdir(target):
            raise Refused(2, f"{target} is not empty.")
        self.root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        self.folders: list[dict] = []
        self.written: set[bytes] = set()
        self.done = self.lost = 0

    def run(self, parts: bytes) -> None:
        for entry in self.vault.entries(parts):
            path = entry["path"]
            if self.under and path != self.under and not path.startswith(self.under + b"/"):
                continue
            try:
                self.one(entry)
                self.done += 1
            except (Broken, OSError) as error:
                self.lost += 1
                warn(f"not restored: {shown(path)}: {error}")
        for entry in reversed(self.folders):  # what was written into them changed their times
            with contextlib.suppress(OSError):
                folder = self.folder(entry["path"])
                try:
                    self.set_facts(entry, folder)
                finally:
                    os.close(folder)

    def one(self, entry: dict) -> None:
        path = entry["path"]
        if not is_safe(path) or (entry["hardlink"] and not is_safe(entry["hardlink"])):
            raise Broken("its path would leave the target")
        above, _, name = path.rpartition(b"/")
        parent = self.folder(above, make=True)
        try:
            getattr(self, f"make_{entry['kind']}", self.make_unknown)(entry, parent, name)
        finally:
            os.close(parent)

    def folder(self, path: bytes, *, make: bool = False) -> int:
        """A descriptor of a folder below the target; no part of the way may be a link."""
        current = os.dup(self.root)
        for part in path.split(b"/") if path else ():
            try:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=current)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                following = os.open(part, flags, dir_fd=current)
            finally:
                os.close(current)
            current = following
        return current

    def make_folder(self, entry: dict, parent: int, name: bytes) -> None:
        with contextlib.suppress(FileExistsError):  # made on the way to something in it
            os.mkdir(name, 0o700, dir_fd=parent)
        self.folders.append(entry)

    def make_file(self, entry: dict, parent: int, name: bytes) -> None:
        if entry["hardlink"] in self.written and self.link(entry["hardlink"], parent, name):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(name, flags, 0o600, dir_fd=parent)
        try:
            os.ftruncate(file, entry["size"])  # holes stay holes
            for offset, piece in self.vault.extents(entry):
                while isinstance(piece, bytes) and piece:
                    count = os.pwrite(file, piece, offset)
                    offset, piece = offset + count, piece[count:]
            self.set_facts(entry, file)
        except BaseException:
            os.unlink(name, dir_fd=parent)
            raise
        finally:
            os.close(file)
        self.written.add(entry["path"])

    def link(self, path: bytes, parent: int, name: bytes) -> bool:
        above, _, first = path.rpartition(b"/")
        folder = self.folder(above)
        try:
            os.link(first, name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
        except OSError:
            return False
        finally:
            os.close(folder)
        return True

    def make_symlink(self, entry: dict, parent: int, name: bytes) -> None:
        os.symlink(entry["target"], name, dir_fd=parent)
        self.set_facts_by_name(entry, parent, name)

    def make_fifo(self, entry: dict, parent: int, name: bytes) -> None:
        os.mkfifo(name, 0o600, dir_fd=parent)
        self.set_facts_by_name(entry, parent, name)

    def make_character(self, entry: dict, parent: int, name: bytes) -> None:
        kind = stat.S_IFCHR if entry["kind"] == "character" else stat.S_IFBLK
        os.mknod(name, kind | 0o600, entry["device"], dir_fd=parent)
        self.set_facts_by_name(entry, parent, name)

    make_block = make_character

    def make_unknown(self, entry: dict, parent: int, name: bytes) -> None:
        raise Broken("it is of a kind that this reader does not know")

    def set_facts(self, entry: dict, file: int) -> None:
        """Owner before rights, which a new owner resets; times last."""
        if os.geteuid() == 0:
            os.fchown(file, entry["uid"], entry["gid"])
        os.fchmod(file, entry["mode"])
        self.set_attributes(entry, file)
        os.utime(file, ns=times(entry))

    def set_facts_by_name(self, entry: dict, parent: int, name: bytes) -> None:
        if os.geteuid() == 0:
            os.chown(name, entry["uid"], entry["gid"], dir_fd=parent, follow_symlinks=False)
        if entry["kind"] != "symlink":
            os.chmod(name, entry["mode"], dir_fd=parent)
        self.set_attributes(entry, b"/proc/self/fd/%d/%s" % (parent, name))
        os.utime(name, ns=times(entry), dir_fd=parent, follow_symlinks=False)

    def set_attributes(self, entry: dict, place: int | bytes) -> None:
        for name, value in entry["attributes"] if hasattr(os, "setxattr") else ():
            try:
                follow = {} if isinstance(place, int) else {"follow_symlinks": False}
                os.setxattr(place, name, value, **follow)
            except OSError as error:
                warn(f"{shown(entry['path'])}: attribute {shown(name)} not set: {error.strerror}")


def is_safe(path: bytes) -> bool:
    return b"\x00" not in path and not {b"", b".", b".."} & set(path.split(b"/"))


def times(entry: dict) -> tuple[int, int]:
    mtime = entry["mtime_s"] * 1_000_000_000 + entry["mtime_ns"]
    return mtime, mtime


def shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace").encode("unicode_escape").decode()


def warn(message: str) -> None:
    print(f"lastgood-reader: {message}", file=sys.stderr)


def sheet_bytes(path: str) -> bytes:
    """The slot in a recovery sheet: lines of JSON that belong together, and its checksum."""
    text = Path(path).read_text(encoding="utf-8")
    text = html.unescape(text) if "<html" in text else text
    begin, end = "-----BEGIN LASTGOOD KEY-----", "-----END LASTGOOD KEY-----"
    if begin in text:
        text = text.partition(begin)[2].partition(end)[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ("".join(lines[:-1]) + "\n" + "".join(lines[-1:])).encode()


# Commands


def list_snapshots(vault: Vault) -> int:
    forgotten = vault.forgotten()
    for facts, _ in vault.snapshots():
        when = datetime.fromtimestamp(facts["created_ns"] // 10**9, UTC)
        files, size = (facts["counts"].get(name, 0) for name in ("files", "logical_bytes"))
        note = "  (forgotten)" if facts["id"] in forgotten else ""
        print(
            f"{facts['id']}  {when:%Y-%m-%d %H:%M:%S}  {files:>9,} files  {size:>16,} bytes", end=""
        )
        print(f"  {facts['name']}{note}")
    return 0


def verify(vault: Vault, wanted: str | None) -> int:
    """Read and check every file of one snapshot, or of all."""
    lost, seen = 0, set()
    forgotten = vault.forgotten()
    everything = (one for one in vault.snapshots() if one[0]["id"] not in forgotten)
    for facts, parts in [chosen(vault, wanted)] if wanted else everything:
        files = 0
        for entry in vault.entries(parts):
            if entry["kind"] != "file":
                continue
            files += 1
            name = blake3(entry["content"]).digest()
            if name in seen:
                continue
            try:
                for _ in vault.extents(entry):
                    pass
                seen.add(name)
            except Broken as error:
                lost += 1
                warn(f"{facts['id']}: {shown(entry['path'])}: {error}")
        print(f"{facts['id']}: {files} files read")
    return 1 if lost else 0


def chosen(vault: Vault, wanted: str) -> tuple[dict, bytes]:
    found = vault.snapshots()
    if wanted == "latest":
        forgotten = vault.forgotten()
        found = [one for one in found if one[0]["id"] not in forgotten][:1]
    else:
        found = [one for one in found if one[0]["id"].startswith(wanted)]
    if len(found) != 1:
        raise Refused(2, f"{len(found)} snapshots are called {wanted}.")
    return found[0]


def restore(vault: Vault, wanted: str, target: str, path: str) -> int:
    facts, parts = chosen(vault, wanted)
    under = os.fsencode(path).strip(b"/")
    if path.startswith("/"):
        under = b"tree/" + under
    work = Restore(vault, target, under)
    work.run(parts)
    print(f"{facts['id']}: {work.done} entries restored to {target}, {work.lost} lost")
    if not work.done and not work.lost:
        raise Refused(2, f"The snapshot holds no {path}.")
    return 1 if work.lost else 0


def main() -> int:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("vault")
    words.add_argument("command", choices=["list", "restore", "verify"])
    words.add_argument("rest", nargs="*", metavar="SNAPSHOT TARGET PATH")
    words.add_argument("--passphrase-file", metavar="FILE")
    words.add_argument("--console-key", metavar="FILE")
    words.add_argument("--sheet", metavar="FILE")
    options = words.parse_args()
    low, high = {"list": (0, 0), "restore": (2, 3), "verify": (0, 1)}[options.command]
    if not low <= len(options.rest) <= high:
        words.error(f"{options.command} takes {low} to {high} words after it")
    try:
        vault = Vault(options.vault, Secret(options), options.sheet)
        if options.command == "list":
            return list_snapshots(vault)
        vault.load()
        if options.command == "verify":
            return verify(vault, *options.rest or [None])
        return restore(vault, *options.rest, *[""] * (3 - len(options.rest)))
    except Refused as error:
        warn(error.args[1])
        return error.args[0]
    except (Broken, OSError) as error:
        warn(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
