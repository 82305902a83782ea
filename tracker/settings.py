"""Where things are: addresses and timings, from the environment (`TRACKER_*`).

What is trained is never configured here: that is a spec (`tracker.specs`), stored with the
ensemble.
"""

from functools import cache
from pathlib import Path

import platformdirs
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tracker.errors import UsageError

ONCE_VARIABLE = "TRACKER_WORKER_ONCE"
"""Set by `tracker worker --once` for its processes: stop when no run is queued or running."""

PARENT_VARIABLE = "TRACKER_WORKER_PARENT"
"""Process id of `tracker worker`, set by it for its processes: without it, stop."""

COMMAND_VARIABLE = "TRACKER_WORKER_COMMAND"
"""Command line of `tracker worker`, set by it for its processes; stored with their runs."""


LOG_JSON_VARIABLE = "TRACKER_LOG_JSON"
"""Field `log_json`, set by `tracker worker --log-json` for its processes."""


class Settings(BaseSettings):
    """Addresses and timings of one installation.

    With no address given, PostgreSQL and Valkey run from wheels under `home`.
    """

    model_config = SettingsConfigDict(env_prefix="TRACKER_", frozen=True, extra="ignore")

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("tracker"),
        description="Folder of the embedded servers, of downloaded data and of logs.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="postgresql://user:password@host:port/database; embedded if unset.",
    )
    reader_database_url: SecretStr | None = Field(
        default=None,
        description="The same database as a role that only reads: for reports and samplers; as "
        "database_url if unset.",
    )
    broker_url: SecretStr | None = Field(
        default=None, description="redis://:password@host:port/number; embedded if unset."
    )
    data_dir: Path | None = Field(
        default=None, description="Folder of the datasets' files; `home`/data if unset."
    )
    queue: str = Field(default="tracker", description="Name of the Celery queue.")
    threads: PositiveInt | None = Field(
        default=None,
        description="CPU threads of one worker; all cores if unset. A run repeats its bits only "
        "with the same number.",
    )
    heartbeat_seconds: PositiveFloat = Field(
        default=5.0, description="How often a training worker says that it is alive."
    )
    stale_seconds: PositiveFloat = Field(
        default=60.0, description="Silence after which a run is taken from its worker."
    )
    checkpoint_url: SecretStr | None = Field(
        default=None,
        description="Folder of the checkpoints, as fsspec takes it: /mnt/shared/checkpoints, "
        "s3://bucket/folder; `home`/checkpoints if unset.",
    )
    checkpoint_seconds: NonNegativeFloat = Field(
        default=60.0,
        description="A checkpoint is made at the first evaluation after so many seconds.",
    )
    log_json: str | None = Field(
        default=None,
        description="File to which workers add a line of JSON for each event; - for standard "
        "error, in place of what people read.",
    )

    @property
    def checkpoint_folder(self) -> str:
        """Folder of the checkpoints, as fsspec takes it: `masking.shown` is for messages."""
        if self.checkpoint_url is not None and (url := self.checkpoint_url.get_secret_value()):
            return url
        return str(self.home / "checkpoints")

    @property
    def data_folder(self) -> Path:
        """Folder in which dataset files are looked for and downloaded to."""
        return self.data_dir if self.data_dir is not None else self.home / "data"


@cache
def get_settings() -> Settings:
    """The process's settings, read once from the environment."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "TRACKER_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UsageError(f"{name}: {first['msg']}") from None
