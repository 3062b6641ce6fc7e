import pytest

PAGES = [
    "/sign-in",
    "/sign-in/forgotten",
    "/account",
    "/account/recovery-codes",
    "/people",
    "/tenants",
    "/tenants/new",
    "/t/acme/",
    "/t/acme/edit",
    "/t/acme/people",
    "/t/acme/audit",
    "/audit",
    "/t/acme/audit/export.csv",
    "/audit/export.jsonl",
]


@pytest.mark.parametrize("path", PAGES)
def test_page(cast, path):
    r = cast.root.get(path)
    assert r.status_code in (200, 303), r.text
