"""docker-compose.yml, checked without a Docker engine.

Every rule must hold for the real file, and it must fail for each copy of it that `BROKEN` breaks in
memory: a rule that nothing can break checks nothing.
"""

import copy
import re
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from tests.support.compose import (
    ROOT,
    RULES,
    SECRETS,
    Compose,
    broker_address_agrees,
    broker_keeps_messages,
    broker_wants_its_password,
    commands_are_typed_and_not_started,
    containers_have_no_privileges,
    database_address_agrees,
    database_volume_fits_image,
    each_has_the_role_that_it_needs,
    load,
    migration_runs_once_and_first,
    passwords_are_variables,
    ports_are_local,
    servers_report_health,
    variables_are_settings,
    volumes_are_declared,
    worker_comes_back,
    worker_has_gpus,
    worker_keeps_its_data,
)

DELETE = object()
POSTGRES_URL = "services.worker.environment.TRACKER_DATABASE_URL"
BROKER_URL = "services.worker.environment.TRACKER_BROKER_URL"
PG = "${POSTGRES_PASSWORD:?set it}"
WR = "${WRITER_PASSWORD:?set it}"
RD = "${REDIS_PASSWORD:?set it}"
SERVE = "exec docker-entrypoint.sh valkey-server"
PASS = '--requirepass "$$(cat /run/secrets/redis_password)"'
SAFE = "--appendonly yes --maxmemory-policy noeviction"

# Rule, path in the file, what to put there.
BROKEN: tuple[tuple[Callable[[Compose], None], str, object], ...] = (
    (variables_are_settings, "services.worker.environment.TRACKER_DATABSE_URL", "x"),
    (variables_are_settings, "services.worker.environment.DATABASE_URL", "x"),
    (variables_are_settings, "services.worker.environment.TRACKER_THREADS", "many"),
    (database_address_agrees, POSTGRES_URL, DELETE),
    (
        database_address_agrees,
        POSTGRES_URL,
        f"postgresql://tracker_writer:{WR}@database:5432/tracker",
    ),
    (
        database_address_agrees,
        POSTGRES_URL,
        f"postgresql://tracker_writer:{WR}@postgres:5433/tracker",
    ),
    (database_address_agrees, POSTGRES_URL, f"postgresql://tracker:{PG}@postgres:5432/tracker"),
    (
        database_address_agrees,
        POSTGRES_URL,
        f"postgresql://tracker_writer:{WR}@postgres:5432/other",
    ),
    (
        database_address_agrees,
        POSTGRES_URL,
        f"postgresql://tracker_writer:{RD}@postgres:5432/tracker",
    ),
    (database_address_agrees, "services.postgres.environment.POSTGRES_USER", "admin"),
    (database_address_agrees, "services.postgres.environment.POSTGRES_DB", "other"),
    (database_address_agrees, "services.postgres.secrets", DELETE),
    (database_address_agrees, "secrets.postgres_password", {"environment": "REDIS_PASSWORD"}),
    (
        each_has_the_role_that_it_needs,
        "services.worker.environment.TRACKER_READER_DATABASE_URL",
        f"postgresql://tracker_reader:{WR}@postgres:5432/tracker",
    ),
    (each_has_the_role_that_it_needs, "services.roles.command", ["tracker", "db", "upgrade"]),
    (
        each_has_the_role_that_it_needs,
        "services.roles.environment.TRACKER_WRITER_PASSWORD",
        "${OWNER_PASSWORD:?set it}",
    ),
    (commands_are_typed_and_not_started, "services.tracker.profiles", DELETE),
    (commands_are_typed_and_not_started, "services.tracker.entrypoint", DELETE),
    (commands_are_typed_and_not_started, "services.tracker.environment.TRACKER_HOME", "/tmp"),
    (broker_address_agrees, BROKER_URL, DELETE),
    (broker_address_agrees, BROKER_URL, f"redis://:{RD}@valkey:6379/0"),
    (broker_address_agrees, BROKER_URL, f"redis://:{RD}@postgres:6379/0"),
    (broker_address_agrees, BROKER_URL, f"redis://:{RD}@redis:6380/0"),
    (broker_address_agrees, BROKER_URL, "redis://redis:6379/0"),
    (broker_address_agrees, "secrets.redis_password", {"environment": "POSTGRES_PASSWORD"}),
    (
        broker_keeps_messages,
        "services.redis.command.2",
        f"{SERVE} --appendonly no --maxmemory-policy noeviction {PASS}",
    ),
    (
        broker_keeps_messages,
        "services.redis.command.2",
        f"{SERVE} --appendonly yes --maxmemory-policy allkeys-lru {PASS}",
    ),
    (broker_keeps_messages, "services.redis.command.2", f"{SERVE} {PASS}"),
    (broker_keeps_messages, "services.redis.volumes", ["redis-data:/var/lib/redis"]),
    (broker_wants_its_password, "services.redis.command.2", f"{SERVE} {SAFE}"),
    (broker_wants_its_password, "services.redis.command.2", f"{SERVE} {SAFE} --requirepass x"),
    (
        broker_wants_its_password,
        "services.redis.command.2",
        f"docker-entrypoint.sh valkey-server {SAFE} {PASS}",
    ),
    # A single dollar would be Compose's to replace.
    (
        broker_wants_its_password,
        "services.redis.command.2",
        f"{SERVE} {SAFE} --requirepass '${{REDIS_PASSWORD:?set it}}'",
    ),
    (servers_report_health, "services.postgres.healthcheck.test", ["CMD", "pg_isready"]),
    (servers_report_health, "services.redis.healthcheck.test", ["CMD-SHELL", "valkey-cli ping"]),
    (
        database_volume_fits_image,
        "services.postgres.volumes",
        ["postgres-data:/var/lib/postgresql/data"],
    ),
    (database_volume_fits_image, "services.postgres.image", "postgres:17-alpine"),
    (volumes_are_declared, "volumes.tracker-data", DELETE),
    (worker_keeps_its_data, "services.worker.environment.TRACKER_HOME", "/home/tracker"),
    (worker_has_gpus, "services.worker.deploy.resources.reservations.devices", []),
    (
        worker_has_gpus,
        "services.worker.deploy.resources.reservations.devices.0.capabilities",
        ["tpu"],
    ),
    (worker_has_gpus, "services.worker.command", ["tracker", "enqueue"]),
    (worker_comes_back, "services.worker.restart", "no"),
    (migration_runs_once_and_first, "services.migrate.command", ["tracker", "db", "downgrade"]),
    (migration_runs_once_and_first, "services.migrate.restart", "unless-stopped"),
    (migration_runs_once_and_first, "services.migrate.restart", False),
    (migration_runs_once_and_first, "services.migrate.depends_on", ["postgres"]),
    (migration_runs_once_and_first, "services.roles.restart", "always"),
    (
        migration_runs_once_and_first,
        "services.worker.depends_on.migrate.condition",
        "service_started",
    ),
    (migration_runs_once_and_first, "services.worker.depends_on.redis", DELETE),
    (passwords_are_variables, "services.postgres.environment.POSTGRES_PASSWORD", "hunter2"),
    (passwords_are_variables, POSTGRES_URL, "postgresql://tracker:hunter2@postgres:5432/tracker"),
    (passwords_are_variables, BROKER_URL, "redis://:${REDIS_PASSWORD:-hunter2}@redis:6379/0"),
    (passwords_are_variables, "secrets.redis_password", {"file": "password.txt"}),
    (ports_are_local, "services.postgres.ports", ["5432:5432"]),
    (ports_are_local, "services.postgres.ports", ["0.0.0.0:5432:5432"]),
    (ports_are_local, "services.postgres.ports", ["${BIND:-127.0.0.1}:5432:5432"]),
    (ports_are_local, "services.redis.ports", [{"target": 6379, "published": "6379"}]),
    (ports_are_local, "services.worker.network_mode", "host"),
    (containers_have_no_privileges, "services.worker.user", "root"),
    (containers_have_no_privileges, "services.worker.privileged", True),
    (containers_have_no_privileges, "services.migrate.cap_drop", DELETE),
)


def broken(path: str, value: object) -> Compose:
    """A copy of the file with `value` at `path`, or without it."""
    compose = copy.deepcopy(load())
    *parents, last = path.split(".")
    node: Any = compose
    for key in parents:
        node = node[int(key) if isinstance(node, list) else key]
    key = int(last) if isinstance(node, list) else last
    if value is DELETE:
        del node[key]
    else:
        node[key] = value
    return compose


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: Callable[[Compose], None]) -> None:
    rule(load())


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    BROKEN,
    ids=[f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(BROKEN)],
)
def test_rule_notices(rule: Callable[[Compose], None], path: str, value: object) -> None:
    # A missing key or a value that does not parse is as good a refusal as a failed comparison.
    with pytest.raises((AssertionError, KeyError, ValueError)):
        rule(broken(path, value))


def test_every_rule_can_be_broken() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


@pytest.fixture(scope="module")
def specification() -> jsonschema.protocols.Validator:
    """The official Compose Specification, as the package `check-jsonschema` ships it."""
    package = pytest.importorskip(
        "check_jsonschema.builtin_schemas",
        reason="check-jsonschema, which ships the Compose Specification, is not installed",
    )
    schema = package.get_builtin_schema("vendor.compose-spec")
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    assert schema["title"] == "Compose Specification"
    return validator(schema)


def test_file_follows_the_specification(specification: jsonschema.protocols.Validator) -> None:
    assert [error.message for error in specification.iter_errors(load())] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("service", {}),
        ("services.worker.comand", ["tracker", "worker"]),
        ("services.worker.depends_on.migrate.condition", "service_finished"),
        ("services.worker.deploy.resources.reservations.devices.0.capabilities", DELETE),
        ("services.worker.restart", True),
        ("services.postgres.healthcheck.tset", "true"),
        ("services.postgres.ports", "127.0.0.1:5432:5432"),
        ("volumes.postgres-data", "folder"),
        ("secrets.redis_password.enviroment", "REDIS_PASSWORD"),
    ],
)
def test_specification_refuses(
    specification: jsonschema.protocols.Validator, path: str, value: object
) -> None:
    assert not specification.is_valid(broken(path, value))


def test_example_names_every_variable_of_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{(\w+)", text))
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^(?:# )?(\w+)=", example, flags=re.MULTILINE)) == used
    # Nobody should start a server with a password that everybody can read.
    for name in SECRETS:
        assert f"\n{name}=\n" in example
