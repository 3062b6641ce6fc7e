"""Looking into a restore point, and taking it away."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from tests.services.conftest import again
from webapp.errors import Forbidden, NotFound
from webapp.extensions import db
from webapp.models import AuditEntry
from webapp.services import browse, captures, sets


@pytest.fixture
def captured(enter, website, work_off, www):
    (www / "link").symlink_to("page0.html")
    os.link(www / "page1.html", www / "twin.html")
    (www / os.fsdecode(b"not-\xff-utf8")).write_text("odd")
    (www / "new\nline").write_text("odder")
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    return sets.of_run(enter("olga"), again(run)).id


def audited(action: str) -> list[AuditEntry]:
    db.session.rollback()
    return db.session.query(AuditEntry).filter_by(action=action).all()


def test_the_top_shows_the_sections(enter, captured):
    listing = browse.folder(enter("olga"), captured, b"")

    assert [entry.path for entry in listing.entries] == [b"tree"]


def test_a_folder_comes_page_by_page(enter, captured):
    first = browse.folder(enter("olga"), captured, b"tree", limit=4)
    rest = browse.folder(enter("olga"), captured, b"tree", offset=4)

    assert first.has_more
    assert not rest.has_more
    assert len(first.entries) + len(rest.entries) == 10


def test_a_file_is_read_and_audited(enter, captured):
    with browse.content(enter("olga"), captured, b"tree/page3.html") as content:
        text = content.read()

    assert text == b"<p>3</p>\n"
    assert audited("content.downloaded")[0].details == {"item": "tree:page3.html"}


@pytest.mark.parametrize("name", ["bob", "pete", "audrey"])
def test_content_is_a_right_of_its_own(enter, captured, name):
    access = enter(name)

    for look in (browse.folder, browse.entry, browse.content):
        with pytest.raises(Forbidden):
            look(access, captured, b"tree/page3.html")
    with pytest.raises(Forbidden):
        browse.archive(access, captured)


def test_a_neighbour_sees_nothing(enter, captured):
    with pytest.raises(Forbidden):
        browse.folder(enter("charlie", tenant="globex"), captured, b"")


def test_what_is_not_there_is_not_found(enter, captured):
    with pytest.raises(NotFound):
        browse.entry(enter("olga"), captured, b"tree/nowhere")


def test_an_archive_holds_everything(enter, captured, tmp_path: Path, www):
    packed = b"".join(browse.archive(enter("olga"), captured))
    plain = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read()

    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        archive.extractall(tmp_path / "out", filter="fully_trusted")

    out = tmp_path / "out" / "tree"
    names = sorted(os.listdir(os.fsencode(www)))
    assert sorted(os.listdir(os.fsencode(out))) == names
    assert (out / "link").readlink() == Path("page0.html")
    assert (out / "twin.html").stat().st_ino == (out / "page1.html").stat().st_ino
    assert (out / "img" / "a.png").read_bytes() == (www / "img" / "a.png").read_bytes()
    assert len(audited("content.exported")) == 1
