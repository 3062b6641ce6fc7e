"""``compose.yaml`` says what it should, and what it names is there."""

from __future__ import annotations

import re

import pytest

from tests.deploy.composing import OURS, ROOT, document, seconds, services
from webapp.jobs.worker import STOP_SECONDS
from webapp.settings import VARIABLES, Settings

LASTING = ("web", "worker", "scheduler")


def test_the_services_are_those_that_the_documents_name():
    assert set(services()) == {"init", "web", "worker", "scheduler", "postgres", "redis"}


@pytest.mark.parametrize("name", [*LASTING, "postgres", "redis"])
def test_whatever_lasts_starts_again_and_is_asked_how_it_is(name):
    service = services()[name]

    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert seconds(service["healthcheck"]["timeout"]) < 30


@pytest.mark.parametrize("name", LASTING)
def test_nothing_begins_before_the_tables_are_right(name):
    after = services()[name]["depends_on"]

    assert after["init"]["condition"] == "service_completed_successfully"
    assert services()["init"]["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_rights_and_a_name_for_each_setting(name):
    service = services()[name]
    variables = {v.removeprefix("LASTGOOD_").removesuffix("_FILE") for v in service["environment"]}

    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert "privileged" not in service
    assert variables <= set(VARIABLES)


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_our_services_are_accepted(name, secrets):
    environment = {
        variable: str(value).replace("/run/secrets", str(secrets))
        for variable, value in services()[name]["environment"].items()
    }

    settings = Settings.from_environ(environment)

    assert settings.database_url.startswith("postgresql+psycopg://lastgood:")
    assert bool(settings.database_owner_url) is (name == "init")


def test_only_init_is_told_who_owns_the_tables():
    told = [name for name in services() if "owner_url" in services()[name].get("secrets", [])]

    assert told == ["init"]


def test_no_password_stands_in_the_file_and_each_has_its_own_that_make_secrets_makes(secrets):
    named = {one["file"].removeprefix("./secrets/") for one in document()["secrets"].values()}
    passwords = [file.read_text() for file in secrets.glob("*_password")]

    assert named <= {file.name for file in secrets.iterdir()}
    assert len(set(passwords)) == 3
    assert min(map(len, passwords)) > 40


def test_the_console_is_open_to_this_machine_alone_and_the_servers_to_nobody():
    ports = {name: service["ports"] for name, service in services().items() if "ports" in service}

    assert ports == {"web": ["127.0.0.1:8000:8000"]}
    assert document()["networks"]["inside"] == {"internal": True}
    assert {tuple(services()[name]["networks"]) for name in ("postgres", "redis")} == {("inside",)}


def test_a_worker_is_given_the_time_that_it_takes_to_stop():
    assert all(
        seconds(services()[name]["stop_grace_period"]) > 2 * STOP_SECONDS for name in LASTING
    )


def test_what_the_image_is_made_of_is_there():
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)

    assert services()["web"]["build"] == {"context": ".", "dockerfile": "deploy/Dockerfile"}
    assert len(copied) > 3
    assert [p for line in copied for p in line.split() if not (ROOT / p).exists()] == []
