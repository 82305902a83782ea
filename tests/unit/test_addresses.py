"""What of an address may be shown, and what psql is handed of it."""

import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tracker.db.client import client_address
from tracker.db.engine import database_url
from tracker.errors import UsageError
from tracker.masking import masked, public, secrets_of, shown, without_secrets
from tracker.settings import Settings

DATABASE = "postgresql://me:p%40ss%20word@host:1/base?sslpassword=k%25y1&sslmode=require"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/mnt/a@b/c?d#e", "/mnt/a@b/c?d#e"),
        ("s3://bucket/folder", "s3://bucket/folder"),
        ("ftp://me:hush@host:21/folder", "ftp://host:21/folder"),
        ("ftp://me:h/u@s:h@host/folder", "ftp://host/folder"),
        ("s3://bucket/folder?key=hush&secret=hush", "s3://bucket/folder"),
        ("simplecache::ftp://me:hush@host/x", "simplecache::ftp://host/x"),
    ],
)
def test_an_address_is_shown_without_what_lets_one_in(url: str, expected: str) -> None:
    assert shown(url) == expected


def test_a_databases_address_loses_what_lets_one_in() -> None:
    kept = "postgresql://me@host:1/base?sslmode=require"
    assert public(make_url(DATABASE)).render_as_string(hide_password=False) == kept


def test_secrets_are_known_as_written_and_as_meant() -> None:
    found = secrets_of(
        {
            "TRACKER_DATABASE_URL": DATABASE,
            "tracker_broker_url": "rediss://:a+b%21@host/0?ssl_cert_reqs=none&ssl_password=key-word",
            "TRACKER_CHECKPOINT_URL": "s3://token@host/x?secret=abcdef",
            "TRACKER_READER_PASSWORD": "reading",
            "PGPASSWORD": "pgpass",
            "TRACKER_HOME": "/home/me:x@y",
        }
    )
    assert set(found) == {
        "p%40ss%20word", "p@ss word", "k%25y1", "k%y1", "a+b%21", "a+b!", "a b!", "token", "abcdef",
        "reading", "pgpass", "key-word",
    }  # fmt: skip
    assert found == sorted(found, key=len, reverse=True)


@pytest.mark.parametrize(
    "url",
    ["postgresql://tracker@host/base", "postgresql://user:user@host/base", "redis://u:base@h/base",
     "postgresql://me:tracker@host/base", "postgresql://me:abc@host/base", "/a:secret@b"],
)  # fmt: skip
def test_what_messages_are_made_of_is_no_secret(url: str) -> None:
    assert secrets_of({"TRACKER_DATABASE_URL": url}) == []


def test_they_are_struck_out_of_the_words_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKER_DATABASE_URL", DATABASE)
    for strike in (without_secrets, masked):
        assert strike("p%40ss%20word is me:p@ss word@host") == "*** is me:***@host"


def test_psql_is_handed_secrets_by_its_environment_alone() -> None:
    with client_address(make_url(DATABASE)) as (address, environment):
        assert address == "postgresql://me@host:1/base?service=tracker&sslmode=require"
        assert environment["PGPASSWORD"] == "p@ss word"
        service = Path(environment["PGSERVICEFILE"])
        assert service.read_text() == "[tracker]\nsslpassword=k%y1\n"
        assert stat.S_IMODE(os.stat(service).st_mode) == 0o600
    assert not service.exists()
    with client_address(make_url("postgresql://me:x@/y?host=/run")) as (address, environment):
        assert address == "postgresql://me@/y?host=%2Frun"
        assert environment == {"PGPASSWORD": "x"}


@pytest.mark.parametrize("others", ["service=mine", "scram_client_key=a%0Ab"])
def test_what_a_service_file_cannot_hold_is_refused(others: str) -> None:
    with (
        pytest.raises(UsageError, match="sslpassword") as refused,
        client_address(make_url(f"postgresql://h/b?sslpassword=hush&{others}")),
    ):
        pass
    assert "hush" not in str(refused.value)


def test_a_secret_given_twice_is_refused_unseen() -> None:
    settings = Settings.model_validate({"database_url": "postgresql://h/b?password=hu&password=sh"})
    with pytest.raises(UsageError, match=r"TRACKER_DATABASE_URL gives password twice$"):
        database_url(settings)
