"""When `elt schedule` runs: the `schedule` of the config."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from elt_script.config.value import Section, fault

FIELDS = "five fields as in a crontab, or six that begin with seconds"


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    """Return path as seen from the config file's folder; unlike other files, it need not exist."""
    context = cast("Mapping[str, Any]", info.context or {})
    try:
        return Path(context.get("folder", ".")) / path.expanduser()
    except RuntimeError:
        raise fault("begins with ~, and there is no such home folder") from None


class Schedule(Section):
    """When `elt schedule` runs, and when its health check complains.

    What the config file leaves out, the environment fills: ELT_SCHEDULE is `cron`, ELT_SCHEDULE_TIME_ZONE is
    `time_zone`, and so on.
    """

    cron: str | None = Field(
        default=None, description=f"when to run, {FIELDS}; or in the environment, ELT_SCHEDULE"
    )
    time_zone: str = Field(
        default="UTC", description="whose clock cron goes by, such as Europe/Berlin, by default UTC"
    )
    jitter_seconds: float = Field(
        default=0,
        ge=0,
        le=86_400,
        description="start up to so many seconds later, at random, 0 to 86400, by default 0",
    )
    missed: Literal["skip", "run_once"] = Field(
        default="skip",
        description="what becomes of runs that were due while another one was at work: skip them (the "
        "default), or run_once when it has ended",
    )
    max_age_seconds: float | None = Field(
        default=None,
        gt=0,
        description="unhealthy when no run has succeeded for longer than this; by default no limit",
    )
    stop_seconds: float = Field(
        default=20,
        ge=0,
        le=3600,
        description="seconds that a run is given to end cleanly when the scheduler is stopped, 0 to 3600, "
        "by default 20",
    )
    state_file: Annotated[Path, AfterValidator(_from_folder)] | None = Field(
        default=None,
        description="what the health check reads, by default elt/<pipeline>.json below $XDG_STATE_HOME or "
        "~/.local/state",
    )

    @field_validator("cron")
    @classmethod
    def _comes(cls, cron: str | None) -> str | None:
        if cron is None:
            return None
        try:
            next(CronSim(cron, datetime.now(UTC)))
        except CronSimError as error:
            said = str(error)
            raise fault(f"is no cron expression ({said[:1].lower()}{said[1:]}): give {FIELDS}") from None
        except StopIteration:
            raise fault("is a moment that never comes") from None
        return cron

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name != "UTC" and name not in available_timezones():
            raise fault("is no time zone that this system knows, such as UTC or Europe/Berlin")
        return name

    @property
    def zone(self) -> tzinfo:
        """Whose clock cron goes by; UTC needs no time zones of the system's."""
        return UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)
