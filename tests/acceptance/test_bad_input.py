"""Bad input gets one clear line that names the value and the choices, and loses nothing."""

import sys

import psycopg
import pytest
from pydantic import SecretStr

from tracker.cli import main
from tracker.errors import UsageError
from tracker.queue import broker_url
from tracker.settings import Settings, get_settings

ENQUEUE = ("enqueue", "--arch", "mlp-tiny", "--dataset", "mnist5k")


def run(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command line, in this process."""
    get_settings.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tracker", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    captured = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, captured.out, captured.err


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Nothing is listening, so that a check that comes too late is noticed."""
    monkeypatch.setenv("TRACKER_HOME", f"{tmp_path}/home")
    monkeypatch.setenv("TRACKER_DATABASE_URL", "postgresql://me:hush-hush@127.0.0.1:9/things")
    monkeypatch.setenv("TRACKER_BROKER_URL", "redis://:hush-hush@127.0.0.1:9/3")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("enqueue", "--arch", "resnet19"), ["'resnet19'", "mlp-tiny", "resnet18", "st-vgg"]),
        (("enqueue", "--arch", "mlp", "--dataset", "mnits"), ["'mnits'", "mnist5k", "cifar10"]),
        ((*ENQUEUE, "--optimizer", "sdg"), ["'sdg'", "sgd", "adadelta", "adam"]),
        ((*ENQUEUE, "--seeds", "0"), ["--seeds must be at least 1, got 0"]),
        ((*ENQUEUE, "--seeds", "2147483648"), ["--seeds must be at most 100000, got 2147483648"]),
        ((*ENQUEUE, "--seed-start", "2147483640"), ["between 0 and 2147483647"]),
        ((*ENQUEUE, "--seed-start", "-1"), ["-1"]),
        ((*ENQUEUE, "--optimizer", "adam"), ["--optimizer adam in place of sgd needs an --lr"]),
        (("status", "--watch"), ["--watch redraws a terminal"]),
        ((*ENQUEUE, "--epochs", "0"), ["--epochs must be above 0, got 0"]),
        ((*ENQUEUE, "--batch-size", "-5"), ["--batch-size must be above 0, got -5"]),
        ((*ENQUEUE, "--lr", "nan"), ["--lr must be above 0, got nan"]),
        ((*ENQUEUE, "--examples", "0"), ["--examples must be above 0, got 0"]),
        ((*ENQUEUE, "--record-every", "often"), ["'often'", "1epoch", "50steps"]),
        ((*ENQUEUE, "--record-every", "0steps"), ["'0steps'"]),
        ((*ENQUEUE, "--record", "loss,los"), ["signal 'los'", "confidence, margin, loss, el2n"]),
        ((*ENQUEUE, "--record", ""), ["signal ''", "confidence, margin, loss, el2n"]),
        ((*ENQUEUE, "--name", "no spaces"), ["'no spaces'", "letters"]),
        ((*ENQUEUE, "--seeds", "ten"), ["'ten'", "integer"]),
        ((*ENQUEUE, "--sedes", "10"), ["--sedes", "--seeds"]),
        (("enqueue",), ["--arch"]),
        ((*ENQUEUE, "--label-noise", "1.5"), ["above 0 and at most 1, got 1.5"]),
        ((*ENQUEUE, "--label-noise", "0.4", "--random-labels"), ["--random-labels exclude"]),
        ((*ENQUEUE, "--label-noise-seed", "3"), ["--label-noise-seed 3 needs --label-noise or"]),
        ((*ENQUEUE, "--split", "95:10"), ["'95:10'", "full", "90:10", "parts:K"]),
        (("shwo",), ["shwo"]),
        (("worker", "--gpus", "first"), ["'first'", "all", "0,1"]),
        (("status", "--limit", "0"), ["--limit must be at least 1, got 0"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_one_line_and_exit_code_2(
    arguments: tuple[str, ...], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, error = run(arguments, capsys)
    assert code == 2
    assert out == ""
    assert error.count("\n") == 1, error
    assert error.startswith("tracker: ")
    for part in parts:
        assert part in error


@pytest.mark.parametrize(
    "arguments",
    [ENQUEUE, ("status",), ("list",), ("show", "x"), ("psql", "-c", "SELECT 1"), ("db", "check"),
     ("db", "upgrade"), ("worker", "--once"), ("cancel", "x")],
    ids=" ".join,
)  # fmt: skip
def test_an_unreachable_database_is_named_without_its_password(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = run(arguments, capsys)
    assert code == 2
    assert error.count("\n") == 1, error
    assert "host 127.0.0.1, port 9, database things" in error
    assert "hush" not in error


def test_a_full_disk_of_the_database_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise psycopg.errors.DiskFull("could not extend file: No space left on device")

    monkeypatch.setattr(sys.modules["tracker.cli.main"], "app", full)
    code, _, error = run(("status",), capsys)
    assert code == 1
    assert "No space left on device (the database's disk is full: make room" in error


def test_the_databases_address_hides_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(("db", "url"), capsys)
    assert code == 0
    assert out == "postgresql://me:***@127.0.0.1:9/things\n"
    assert "hush-hush" in run(("db", "url", "--show-password"), capsys)[1]


@pytest.mark.parametrize(
    "url",
    ["mysql://a/b", "postgresql://127.0.0.1", "nonsense", "postgresql://u:p@hush@127.0.0.1/x",
     "postgresql://u:hush@127.0.0.1:hush/x"],
)  # fmt: skip
def test_an_address_of_something_else(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKER_DATABASE_URL", url)
    code, _, error = run(("status",), capsys)
    assert code == 2
    assert "TRACKER_DATABASE_URL must read postgresql://" in error
    assert "hush" not in error


@pytest.mark.parametrize(
    "url", ["http://a", "redis://:hush#ret@127.0.0.1:1/0", "redis://:hush/ret@127.0.0.1:1/0"]
)
def test_a_brokers_address_that_cannot_be_read(url: str) -> None:
    settings = Settings(broker_url=SecretStr(url))
    with pytest.raises(UsageError, match="TRACKER_BROKER_URL must read") as refused:
        broker_url(settings)
    assert "hush" not in str(refused.value)


def test_a_password_in_the_query_is_hidden_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKER_DATABASE_URL", "postgresql://me@127.0.0.1:9/x?password=hush")
    assert "hush" not in run(("db", "url"), capsys)[1]


def test_a_setting_that_is_no_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKER_STALE_SECONDS", "soon")
    code, _, error = run(("status",), capsys)
    assert code == 2
    assert "TRACKER_STALE_SECONDS" in error
    assert error.count("\n") == 1
