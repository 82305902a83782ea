"""What docker-compose.yml must be: every rule is a function over the parsed file."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

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
