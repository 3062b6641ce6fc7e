"""What only S3 can get wrong: addresses, servers' manners, parts, locks, credentials."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.vault.storage import servers
from tests.vault.storage.scripted import Answer, refusal, serving
from webapp.vault.errors import (
    BadAddress,
    ObjectExists,
    ObjectMissing,
    StorageBusy,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from webapp.vault.storage import s3_address, s3_bodies, s3_session
from webapp.vault.storage.addresses import open_storage
from webapp.vault.storage.s3 import S3Storage
from webapp.vault.storage.s3_address import PRUNER, Place

DAY_NS = 86_400 * 10**9


def storage_at(url, **options):
    return S3Storage(
        Place(bucket="bucket", prefix="x/", endpoint=url, **options),
        servers.CREDENTIALS,
        connect=servers.connect,
    )


def tag(data):
    return {"ETag": f'"{hashlib.md5(data).hexdigest()}"'}


@pytest.fixture
def bucket(moto_url):
    return servers.new_bucket(moto_url)


@pytest.fixture
def client(moto_url):
    return servers.connect(Place(bucket="any", endpoint=moto_url))


# Addresses


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("s3://bucket", Place(bucket="bucket")),
        ("s3://bucket/", Place(bucket="bucket")),
        ("s3://bucket/a/b/", Place(bucket="bucket", prefix="a/b/")),
        (
            "s3://b.u-cket/ü?endpoint=https://host:9000/&region=eu-1",
            Place(bucket="b.u-cket", prefix="ü/", endpoint="https://host:9000", region="eu-1"),
        ),
        (
            "s3://bucket/a?lock-days=30&lock-mode=compliance",
            Place(bucket="bucket", prefix="a/", lock_days=30, lock_mode="COMPLIANCE"),
        ),
    ],
)
def test_reads_an_address(address, place):
    assert s3_address.parse(address) == place


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://", "s3://BUCKET/PREFIX"),
        ("s3://host:9000/bucket", "endpoint"),
        ("s3://bucket/a//b", "empty"),
        ("s3://bucket/../b", "empty"),
        ("s3://bucket/" + "ü" * 401, "longer than 800"),
        ("s3://bucket?endpoint=host:9000", "https://HOST"),
        ("s3://bucket?region=EU%20west", "region"),
        ("s3://bucket?lock-days=-1", "lock-days"),
        ("s3://bucket?lock-days=1&lock-mode=soft", "GOVERNANCE"),
        ("s3://bucket?colour=red", "no option colour"),
    ],
)
def test_says_what_is_wrong_with_an_address(address, words):
    with pytest.raises(BadAddress, match=words):
        open_storage(address)


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIA:hush@bucket/a",
        "s3://bucket/a?secret_access_key=hush",
        "s3://bucket/a?access-key=hush",
        "s3://bucket/a?HUSH",
        "s3://bucket?endpoint=https://me:hush@host",
    ],
)
def test_an_address_with_a_credential_is_refused_and_not_repeated(address):
    with pytest.raises(BadAddress, match="never carries a credential") as caught:
        open_storage(address)

    assert "hush" not in str(caught.value).lower()


def test_opening_an_address_contacts_nobody():
    code = (
        "import sys; from webapp.vault.storage.addresses import open_storage; "
        "open_storage('s3://bucket/a?endpoint=http://127.0.0.1:9'); print('boto3' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


# Putting


def test_a_server_that_refuses_conditions_is_asked_first_instead():
    def answer(asked):
        if "if-none-match" in asked.headers:
            return refusal(501, "NotImplemented")
        return refusal(404, "NoSuchKey") if asked.method == "HEAD" else Answer(200, tag(b"1"))

    with serving(answer) as script, closing(storage_at(script.url)) as storage:
        storage.put("a", b"1")
        storage.put("b", b"1")

    assert script.methods() == ["HEAD", "PUT", "HEAD", "PUT", "HEAD", "PUT"]
    assert "if-none-match" not in script.asked[-1].headers


def test_a_put_that_arrived_damaged_is_an_error_and_may_be_somebody_elses():
    def answer(asked):
        if asked.method == "GET":
            return Answer(200, {}, b"2")
        return refusal(404, "NoSuchKey") if asked.method == "HEAD" else Answer(200, tag(b"2"))

    with (
        serving(answer) as script,
        closing(storage_at(script.url)) as storage,
        pytest.raises(StorageError, match="something else"),
    ):
        storage.put("a", b"1")

    assert script.methods() == ["HEAD", "PUT", "GET"]


def test_a_put_with_a_tag_that_is_no_checksum_is_read_back():
    def answer(asked):
        if asked.method == "GET":
            return Answer(200, {}, b"1")
        return refusal(404, "NoSuchKey") if asked.method == "HEAD" else Answer(200, {"ETag": '"x"'})

    with serving(answer) as script, closing(storage_at(script.url)) as storage:
        storage.put("a", b"1")

    assert script.methods() == ["HEAD", "PUT", "GET"]


def test_every_put_carries_a_checksum_that_the_server_can_check():
    def answer(asked):
        return refusal(404, "NoSuchKey") if asked.method == "HEAD" else Answer(200, tag(b"123"))

    with serving(answer) as script, closing(storage_at(script.url)) as storage:
        storage.put("a", memoryview(b"0123")[1:])

    put = script.asked[-1]
    assert put.body == b"123"
    assert put.headers["content-md5"] == s3_bodies.header(hashlib.md5(b"123").digest())
    assert put.headers["if-none-match"] == "*"
    assert "expect" not in put.headers


def test_a_server_that_ignores_ranges_is_understood():
    with (
        serving(lambda asked: Answer(200, {}, b"0123456789")) as script,
        closing(storage_at(script.url)) as storage,
    ):
        assert storage.get("a", offset=2, length=3) == b"234"
        assert storage.get("a", offset=8) == b"89"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (503, "SlowDown", StorageBusy),
        (429, "TooManyRequests", StorageBusy),
        (500, "InternalError", StorageUnavailable),
        (400, "RequestTimeout", StorageUnavailable),
        (400, "BadDigest", StorageUnavailable),
        (403, "AccessDenied", StorageDenied),
        (401, "Unauthorized", StorageDenied),
        (400, "ExpiredToken", StorageDenied),
        (403, "RequestTimeTooSkewed", StorageDenied),
        (507, "InsufficientStorage", StorageFull),
        (403, "QuotaExceeded", StorageFull),
        (404, "NoSuchBucket", StorageError),
        (404, "NoSuchKey", ObjectMissing),
        (400, "NobodyKnows", StorageError),
    ],
)
def test_an_answer_of_the_server_becomes_one_of_our_errors(status, code, error):
    with (
        serving(lambda asked: refusal(status, code)) as script,
        closing(storage_at(script.url)) as storage,
        pytest.raises(StorageError) as caught,
    ):
        storage.get("a")

    assert type(caught.value) is error
    assert len(script.asked) == 1


def test_credentials_that_expire_in_the_middle_are_one_clear_error():
    with (
        serving(lambda asked: refusal(400, "ExpiredToken")) as script,
        closing(storage_at(script.url)) as storage,
        pytest.raises(StorageDenied, match="expired"),
    ):
        storage.put("a", b"")


def test_a_server_that_does_not_listen_is_unavailable_and_another_try_may_help():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with closing(storage_at(url)) as storage, pytest.raises(StorageUnavailable) as caught:
            storage.get("a")

    assert caught.value.retryable


def test_an_answer_that_breaks_off_is_unavailable():
    def answer(asked):
        return Answer(200, {"Content-Length": "10"}, b"0123")

    with (
        serving(answer) as script,
        closing(storage_at(script.url)) as storage,
        pytest.raises(StorageUnavailable),
    ):
        storage.get("a")


# Many bytes


def test_many_bytes_go_in_parts_and_replace_nothing(moto_url, bucket, monkeypatch):
    monkeypatch.setattr(s3_bodies, "SINGLE_BYTES", 11 << 20)
    monkeypatch.setattr(s3_bodies, "PART_BYTES", 5 << 20)
    data = bytes(range(256)) * (12 << 12)
    with closing(servers.storage_at(f"s3://{bucket}?endpoint={moto_url}")) as storage:
        storage.put("packs/a", data)

        with pytest.raises(ObjectExists):
            storage.put("packs/a", b"1" + data)

        assert storage.get("packs/a") == data


def test_of_an_upload_in_parts_that_fails_nothing_stays(moto_url, bucket, client, monkeypatch):
    monkeypatch.setattr(s3_bodies, "SINGLE_BYTES", 5 << 20)
    monkeypatch.setattr(s3_bodies, "PART_BYTES", 5 << 20)
    real, calls = s3_bodies._put_part, []

    def breaks(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(s3_bodies, "_put_part", breaks)
    with closing(servers.storage_at(f"s3://{bucket}?endpoint={moto_url}")) as storage:
        with pytest.raises(KeyboardInterrupt):
            storage.put("packs/a", bytes(11 << 20))

        assert list(storage.list("")) == []
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_uploads_that_killed_processes_left_are_swept_after_a_day(moto_url, bucket, client):
    for key in ("x/packs/a", "x/Notes.txt", "other/packs/a"):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    begun = client.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["Initiated"]
    begun_ns = int(begun.timestamp()) * 10**9
    with closing(servers.storage_at(f"s3://{bucket}/x?endpoint={moto_url}")) as storage:
        swept = storage.sweep(begun_ns + DAY_NS // 2), storage.sweep(begun_ns + 2 * DAY_NS)

    left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert swept == (0, 1)
    assert sorted(one["Key"] for one in left) == ["other/packs/a", "x/Notes.txt"]


@pytest.mark.slow
def test_a_put_of_a_killed_process_is_whole_or_absent(rclone_url):
    """Its connection ends in the middle of the body."""
    bucket = servers.new_bucket(rclone_url)
    code = (
        "import os, sys, threading; from tests.vault.storage import servers; "
        "from webapp.vault.storage import s3_bodies; "
        "real = s3_bodies.Body.read; "
        "read = lambda self, size=-1: (os._exit(9) if self.tell() > 3 << 20 and size < 1 << 20 "
        "else real(self, size)); "
        "s3_bodies.Body.read = read; "
        "servers.storage_at(sys.argv[1]).put('packs/a', bytes(8 << 20))"
    )
    address = f"s3://{bucket}/x?endpoint={rclone_url}"

    done = subprocess.run([sys.executable, "-c", code, address], check=False)

    assert done.returncode == 9
    with closing(servers.storage_at(address)) as storage:
        assert list(storage.list("")) == []
        storage.put("packs/a", b"again")
        assert storage.get("packs/a") == b"again"


def test_lists_go_over_many_pages(moto_url, bucket, client):
    with closing(servers.storage_at(f"s3://{bucket}/x?endpoint={moto_url}")) as storage:
        for number in (3, 1, 2):
            storage.put(f"a-{number}", b"1" * number)
        client.put_object(Bucket=bucket, Key="x/A folder/")
        real = client.get_paginator

        class Small:
            def __init__(self, name):
                self.name = name

            def paginate(self, **options):
                return real(self.name).paginate(**options, PaginationConfig={"PageSize": 1})

        storage._client = type("Client", (), {"get_paginator": Small, "close": print})()

        assert [tuple(one) for one in storage.list("")] == [("a-1", 1), ("a-2", 2), ("a-3", 3)]


# Locks


@pytest.fixture
def locked(moto_url):
    bucket = servers.new_bucket(moto_url, ObjectLockEnabledForBucket=True)
    address = f"s3://{bucket}/x?endpoint={moto_url}&lock-days=30&lock-mode=COMPLIANCE"
    with closing(servers.storage_at(address)) as storage:
        yield storage


def lock_of(client, storage, name):
    """The mode of a lock, and how long it holds."""
    head = client.head_object(Bucket=storage._place.bucket, Key=f"x/{name}")
    return head["ObjectLockMode"], head["ObjectLockRetainUntilDate"] - datetime.now(UTC)


def test_what_is_put_is_locked_for_days(locked, client):
    locked.put("packs/a", b"1")

    mode, left = lock_of(client, locked, "packs/a")
    assert mode == "COMPLIANCE"
    assert timedelta(days=29) < left < timedelta(days=31)


def test_a_locked_object_is_not_deleted_and_the_refusal_says_until_when(locked):
    locked.put("packs/a", b"1")

    with pytest.raises(StorageDenied, match=r"packs/a is locked until \d{4}-"):
        locked.delete("packs/a")

    assert locked.get("packs/a") == b"1"


@pytest.mark.parametrize("name", ["pending/a", "condemned/a", "index/a", "key-changes/a"])
def test_what_is_in_use_for_hours_is_not_locked(locked, name):
    locked.put(name, b"1")

    locked.delete(name)

    assert list(locked.list("")) == []


def test_locks_are_extended_when_less_than_a_third_is_left(locked, client):
    names = ["packs/a", "packs/b", "pending/c", "packs/gone"]
    for name in names[:3]:
        locked.put(name, b"1")
    now_ns = locked.now_ns()

    early = locked.extend_retention(names, now_ns + 15 * DAY_NS)
    late = locked.extend_retention(names, now_ns + 25 * DAY_NS)

    _, left = lock_of(client, locked, "packs/a")
    assert (early, late) == (0, 2)
    assert timedelta(days=54) < left < timedelta(days=56)


# Credentials


def test_deleting_uses_a_credential_of_its_own_where_one_is_set():
    def answer(asked):
        key = asked.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        if asked.method == "DELETE" and key != "janitor":
            return refusal(403, "AccessDenied")
        return Answer(204 if asked.method == "DELETE" else 200)

    janitor = {f"{PRUNER}AWS_ACCESS_KEY_ID": "janitor", f"{PRUNER}AWS_SECRET_ACCESS_KEY": "x"}
    with serving(answer) as script:
        place = Place(bucket="bucket", endpoint=script.url)
        with closing(S3Storage(place, {**servers.CREDENTIALS, **janitor})) as storage:
            storage.delete("packs/a")
        writer = S3Storage(place, servers.CREDENTIALS)
        with closing(writer), pytest.raises(StorageDenied, match="AccessDenied"):
            writer.delete("packs/a")


def test_a_missing_credential_is_said(moto_url, tmp_path, monkeypatch):
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    storage = S3Storage(Place(bucket="bucket", endpoint=moto_url), {})
    with closing(storage), pytest.raises(StorageDenied, match="set AWS_ACCESS_KEY_ID"):
        storage.get("a")


def test_an_unknown_profile_is_said(moto_url):
    place = Place(bucket="bucket", endpoint=moto_url)
    storage = S3Storage(place, {"AWS_PROFILE": "nobody-of-this-name"})
    with closing(storage), pytest.raises(StorageDenied, match="nobody-of-this-name"):
        storage.get("a")


def test_a_server_that_knows_no_uploads_in_parts_has_none_to_sweep(rclone_url):
    bucket = servers.new_bucket(rclone_url)
    storage = servers.storage_at(f"s3://{bucket}/v?endpoint={rclone_url}&region=us-east-1")

    with closing(storage):
        assert storage.sweep(time.time_ns()) == 0


# Starting


def test_a_session_reads_no_other_services_folders(monkeypatch):
    looked = []
    listdir = os.listdir
    monkeypatch.setattr("os.listdir", lambda path: looked.append(str(path)) or listdir(path))

    servers.connect(Place(bucket="any", endpoint="http://127.0.0.1:9"))

    assert not [path for path in looked if "botocore/data/ec2" in path]


def test_a_session_still_finds_the_other_services_that_credentials_may_need():
    session = s3_session.session(None)
    session.set_credentials("a", "b")

    client = session.create_client("sts", region_name="eu-west-1")

    assert client.meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"


def test_a_session_takes_models_from_aws_data_path_too(monkeypatch, tmp_path):
    (tmp_path / "ours" / "2020-01-01").mkdir(parents=True)
    (tmp_path / "ours" / "2020-01-01" / "service-2.json").write_text('{"metadata": {}}')
    monkeypatch.setenv("AWS_DATA_PATH", f"{tmp_path}")

    session = s3_session.session(None)

    assert session.get_service_data("ours") == {"metadata": {}}
    assert "ours" in session.get_available_services()
    assert "s3" in session.get_available_services()


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-22T05:06:07.000Z",
        "2026-11-22T05:06:07Z",
        "Sun, 22 Nov 2026 05:06:07 GMT",
        "1795323967",
        1795323967.0,
        "2026-11-22 05:06:07 GMT",
    ],
)
def test_a_time_in_an_answer_is_read_in_every_form(said):
    assert s3_session.moment(said) == datetime(2026, 11, 22, 5, 6, 7, tzinfo=UTC)


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError, match="soon"):
        s3_session.moment("soon")


def test_the_times_of_a_list_are_read_without_guessing(bucket, client, monkeypatch):
    client.put_object(Bucket=bucket, Key="a", Body=b"a")
    monkeypatch.setattr(s3_session, "parse_timestamp", None)

    listed = client.list_objects_v2(Bucket=bucket)["Contents"]

    assert listed[0]["LastModified"].tzinfo is not None
