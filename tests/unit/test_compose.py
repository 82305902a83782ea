"""docker-compose.yml and what it builds, checked without a Docker engine.

Every rule is a function over the parsed file. It must hold for the real file, and it must fail for
each copy of it that `BROKEN` breaks in memory: a rule that nothing can break checks nothing.
"""

import copy
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import jsonschema
import pytest
import yaml

from tracker.db.roles import DEFAULT_PREFIX, KINDS, Roles
from tracker.settings import Settings

ROOT = Path(__file__).parents[2]
SECRETS = {
    "POSTGRES_PASSWORD": "pg-0123_abc",
    "OWNER_PASSWORD": "ow-0123_abc",
    "WRITER_PASSWORD": "wr-0123_abc",
    "READER_PASSWORD": "re-0123_abc",
    "REDIS_PASSWORD": "rd-0123_abc",
}
OURS = ("roles", "migrate", "worker", "tracker")
ADDRESSES = {
    ("roles", "database_url"): ("tracker", "POSTGRES_PASSWORD"),
    ("migrate", "database_url"): ("tracker_owner", "OWNER_PASSWORD"),
    ("worker", "database_url"): ("tracker_writer", "WRITER_PASSWORD"),
    ("tracker", "database_url"): ("tracker_owner", "OWNER_PASSWORD"),
    ("tracker", "reader_database_url"): ("tracker_reader", "READER_PASSWORD"),
}
"""By service and field of the settings: role and the variable with its password."""
REQUIRED_VARIABLE = re.compile(r"\$\{\w+:\?[^}]+\}")

PASSWORDS = {f"TRACKER_{kind.upper()}_PASSWORD": f"{kind.upper()}_PASSWORD" for kind in KINDS}
"""What `tracker db roles` reads, and where it comes from."""

Compose = dict[str, Any]


def load() -> Compose:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def interpolate(text: str) -> str:
    """`text` as Compose reads it: `$$`, `${X:?message}` and `${X:-default}`."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return SECRETS[match["name"]] if match["kind"] == ":?" else match["rest"]

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?P<kind>:[?-])(?P<rest>[^}]*)\}", value, text)


def environment(compose: Compose, service: str) -> dict[str, str]:
    return compose["services"][service].get("environment", {})


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide this machine's addresses: a container sees only what the file gives it."""
    for name in [name for name in os.environ if name.startswith("TRACKER_")]:
        monkeypatch.delenv(name)


def settings_of(compose: Compose, service: str) -> Settings:
    """What `Settings()` would hold in the container."""
    values = {}
    for name, value in environment(compose, service).items():
        if service == "roles" and name in PASSWORDS:
            continue
        assert name.startswith("TRACKER_"), f"{service}: {name} is no TRACKER_ variable"
        field = name.removeprefix("TRACKER_").lower()
        assert field in Settings.model_fields, f"{service}: {name} is no field of Settings"
        values[field] = interpolate(value)
    return Settings(**values)


def url_of(compose: Compose, service: str, field: str) -> SplitResult:
    secret = getattr(settings_of(compose, service), field)
    assert secret is not None, f"{service} has no {field}"
    url = urlsplit(secret.get_secret_value())
    assert url.hostname in compose["services"], f"{service}: no service is called {url.hostname}"
    return url


def command_options(compose: Compose) -> dict[str, str]:
    """Options of the broker's server, from the script that starts it."""
    shell, flag, script = compose["services"]["redis"]["command"]
    assert (shell, flag) == ("sh", "-c")
    words = shlex.split(interpolate(script))
    # `exec`, so that the server and not the shell gets the signal to stop.
    assert words[:3] == ["exec", "docker-entrypoint.sh", "valkey-server"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def strings(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def variables_are_settings(compose: Compose) -> None:
    for service in OURS:
        settings_of(compose, service)


def database_address_agrees(compose: Compose) -> None:
    server = environment(compose, "postgres")
    for (service, field), (role, variable) in ADDRESSES.items():
        url = url_of(compose, service, field)
        assert url.scheme == "postgresql"
        assert (url.hostname, url.port) == ("postgres", 5432)
        assert url.username == role
        assert url.path == "/" + server["POSTGRES_DB"]
        assert url.password == SECRETS[variable]
    assert server["POSTGRES_USER"] == "tracker"
    assert server["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"
    assert compose["services"]["postgres"]["secrets"] == ["postgres_password"]
    assert compose["secrets"]["postgres_password"] == {"environment": "POSTGRES_PASSWORD"}


def each_has_the_role_that_it_needs(compose: Compose) -> None:
    """And no other's password; `roles` gives the roles theirs."""
    given = {
        (service, name.removeprefix("TRACKER_").lower())
        for service in OURS
        for name in environment(compose, service)
        if name.endswith("DATABASE_URL")
    }
    assert given == ADDRESSES.keys()
    roles = Roles(DEFAULT_PREFIX)
    assert {role for role, _ in ADDRESSES.values()} == {*roles, "tracker"}
    own = environment(compose, "roles")
    assert {name: interpolate(own[name]) for name in PASSWORDS} == {
        name: SECRETS[variable] for name, variable in PASSWORDS.items()
    }
    assert compose["services"]["roles"]["command"] == ["tracker", "db", "roles"]
    assert "secrets" not in compose["services"]["worker"]


def commands_are_typed_and_not_started(compose: Compose) -> None:
    service = compose["services"]["tracker"]
    assert service["profiles"], "`up` would start it"
    assert service["entrypoint"] == ["tracker"]
    assert service["restart"] == "no"
    assert service["depends_on"] == compose["services"]["worker"]["depends_on"]
    assert service["volumes"] == compose["services"]["worker"]["volumes"]
    assert settings_of(compose, "tracker").home == settings_of(compose, "worker").home


def broker_address_agrees(compose: Compose) -> None:
    for service in ("worker", "tracker"):
        url = url_of(compose, service, "broker_url")
        assert url.scheme == "redis"
        assert (url.hostname, url.port, url.path) == ("redis", 6379, "/0")
        assert url.username == ""
        assert url.password == SECRETS["REDIS_PASSWORD"]
    assert compose["services"]["redis"]["secrets"] == ["redis_password"]
    assert compose["secrets"]["redis_password"] == {"environment": "REDIS_PASSWORD"}


def broker_keeps_messages(compose: Compose) -> None:
    options = command_options(compose)
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert "redis-data:/data" in compose["services"]["redis"]["volumes"]


def broker_wants_its_password(compose: Compose) -> None:
    assert command_options(compose)["--requirepass"] == "$(cat /run/secrets/redis_password)"


def servers_report_health(compose: Compose) -> None:
    # The unix socket answers too early in postgres; NOAUTH exits 0 without -e in the broker.
    assert "--host=127.0.0.1" in compose["services"]["postgres"]["healthcheck"]["test"]
    kind, probe = compose["services"]["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    assert interpolate(probe) == (
        'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" valkey-cli -e ping'
    )


def database_volume_fits_image(compose: Compose) -> None:
    postgres = compose["services"]["postgres"]
    major = int(re.match(r"postgres:(\d+)", postgres["image"])[1])
    folder = "/var/lib/postgresql" if major >= 18 else "/var/lib/postgresql/data"
    assert postgres["volumes"] == [f"postgres-data:{folder}"]


def volumes_are_declared(compose: Compose) -> None:
    used = {
        mount.split(":")[0]
        for service in compose["services"].values()
        for mount in service.get("volumes", [])
    }
    assert used == set(compose["volumes"])


def worker_keeps_its_data(compose: Compose) -> None:
    home = settings_of(compose, "worker").home
    assert f"tracker-data:{home}" in compose["services"]["worker"]["volumes"]


def worker_has_gpus(compose: Compose) -> None:
    worker = compose["services"]["worker"]
    assert worker["command"] == ["tracker", "worker"]
    assert worker["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    ]


def worker_comes_back(compose: Compose) -> None:
    worker = compose["services"]["worker"]
    assert worker["restart"] == "unless-stopped"
    assert worker["stop_grace_period"]


def migration_runs_once_and_first(compose: Compose) -> None:
    services = compose["services"]
    assert services["migrate"]["command"] == ["tracker", "db", "upgrade"]
    # YAML 1.1 reads a bare `no` as false, which is not the policy of that name.
    for name in ("roles", "migrate"):
        assert services[name]["restart"] == "no"
    assert services["roles"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["depends_on"] == {
        "roles": {"condition": "service_completed_successfully"}
    }
    assert services["worker"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "redis": {"condition": "service_healthy"},
    }


def passwords_are_variables(compose: Compose) -> None:
    for service in compose["services"]:
        for name, value in environment(compose, service).items():
            if "PASSWORD" in name and not name.endswith("_FILE"):
                assert REQUIRED_VARIABLE.fullmatch(value), f"{service}: {name} is a literal"
    for text in strings(compose):
        if url := re.search(r"://[^/]*?:(?P<password>.*)@", text):
            assert REQUIRED_VARIABLE.fullmatch(url["password"]), "a URL has a literal password"
    assert all(set(secret) == {"environment"} for secret in compose["secrets"].values())


def ports_are_local(compose: Compose) -> None:
    for name, service in compose["services"].items():
        # Not interpolated: a variable for the address could open it to everyone.
        for port in service.get("ports", []):
            assert isinstance(port, str), f"{name}: write {port} as 127.0.0.1:host:container"
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port} beyond this machine"
            assert interpolate(port).count(":") == 2
        assert service.get("network_mode") != "host"


def containers_have_no_privileges(compose: Compose) -> None:
    for name, service in compose["services"].items():
        assert "user" not in service, f"{name}: the image chooses its own user"
        assert not service.get("privileged")
    for name in OURS:
        assert compose["services"][name]["build"] == "."
        assert compose["services"][name]["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in compose["services"][name]["security_opt"]


RULES = (
    variables_are_settings,
    database_address_agrees,
    each_has_the_role_that_it_needs,
    commands_are_typed_and_not_started,
    broker_address_agrees,
    broker_keeps_messages,
    broker_wants_its_password,
    servers_report_health,
    database_volume_fits_image,
    volumes_are_declared,
    worker_keeps_its_data,
    worker_has_gpus,
    worker_comes_back,
    migration_runs_once_and_first,
    passwords_are_variables,
    ports_are_local,
    containers_have_no_privileges,
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


def dockerfile() -> list[list[str]]:
    """The Dockerfile's instructions, each split into words."""
    text = (ROOT / "Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip()]


def copied() -> set[str]:
    return {name for words in dockerfile() if words[0] == "COPY" for name in words[1:-1]}


def test_image_runs_as_an_ordinary_user() -> None:
    users = [words[1] for words in dockerfile() if words[0] == "USER"]
    assert users == ["tracker"]
    last = max(i for i, words in enumerate(dockerfile()) if words[0] in {"RUN", "COPY"})
    assert dockerfile().index(["USER", "tracker"]) > last


def test_image_owns_the_folder_that_the_volume_covers() -> None:
    home = settings_of(load(), "worker").home
    owned = next(words for words in dockerfile() if "useradd" in words)
    assert owned[-1] == str(home)
    assert "--owner=tracker" in owned


def test_image_installs_the_tested_versions() -> None:
    installs = [words for words in dockerfile() if words[0] == "RUN" and "install" in words]
    pip = [words for words in installs if "pip" in words]
    assert len(pip) == 2
    for words in pip:
        assert words[words.index("--constraint") + 1] == "constraints.txt"


def test_image_copies_what_the_build_reads_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert copied() == {
        "pyproject.toml",
        "constraints.txt",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *(pattern.removesuffix("*") for pattern in packages),
    }
    assert all((ROOT / name).exists() for name in copied())


def test_build_context_is_what_is_copied() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied()


def test_example_names_every_variable_of_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{(\w+)", text))
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^(?:# )?(\w+)=", example, flags=re.MULTILINE)) == used
    # Nobody should start a server with a password that everybody can read.
    for name in SECRETS:
        assert f"\n{name}=\n" in example
