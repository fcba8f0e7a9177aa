"""What the scheduler last did, in a small file, and whether that is healthy."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from elt_script.config.model import Config
from elt_script.errors import ConfigError, EltError
from elt_script.wording import human_seconds

OVERDUE = timedelta(minutes=2)  # a scheduler starts a run within a second, and writes each half minute


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    error  what it said, in its own words; '' where it published
    """

    started_at: datetime
    finished_at: datetime
    exit_status: int
    error: str


@dataclass(frozen=True, slots=True)
class State:
    """What the scheduler last did, and what comes next; None is what there has not been."""

    started_at: datetime  # the scheduler itself
    running_since: datetime | None = None
    next_at: datetime | None = None
    last: Outcome | None = None
    last_success_at: datetime | None = None
    seen_at: datetime | None = None  # when the scheduler last wrote this


def state_file(config: Config, environ: Mapping[str, str]) -> Path:
    """Return where the state of this pipeline's scheduler is."""
    if config.schedule.state_file:
        return config.schedule.state_file
    try:
        states = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    except RuntimeError:
        raise ConfigError(
            "nothing says where the scheduler's state is, and its user has no home folder",
            hint="Give schedule.state_file, ELT_SCHEDULE_STATE_FILE, or XDG_STATE_HOME.",
        ) from None
    return Path(states, "elt", f"{config.pipeline}.json")


def write(path: Path, state: State) -> None:
    """Put a state in the place of the one before, at once. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(new, "w", encoding="utf-8", opener=_private) as file:
            json.dump(asdict(state), file, indent=2, default=datetime.isoformat)
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner may read: an error may quote a row."""
    return os.open(path, flags, 0o600)


def read(path: Path) -> State | None:
    """Return the state in a file, or None where there is none that can be read."""
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        last: dict[str, Any] | None = fields.pop("last")
        return State(**_moments(fields), last=Outcome(**_moments(last)) if last else None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def fault(state: State | None, now: datetime, max_age_seconds: float | None) -> str:
    """Say why a state is not healthy, or nothing if it is."""
    if state is None:
        return "no scheduler has written its state"
    if state.last and state.last.exit_status:
        words = state.last.error.partition("\n")[0]
        return f"the last run ended with status {state.last.exit_status}{f': {words}' if words else ''}"
    since = state.last_success_at or state.started_at
    if max_age_seconds is not None and (now - since).total_seconds() > max_age_seconds:
        age, limit = (human_seconds(s) for s in ((now - since).total_seconds(), max_age_seconds))
        return f"no run has succeeded for {age}, longer than {limit}"
    if state.seen_at and now - state.seen_at > OVERDUE:
        return f"the scheduler has not been heard of since {state.seen_at:%Y-%m-%d %H:%M:%S %Z}"
    if state.next_at and not state.running_since and now - state.next_at > OVERDUE:
        return f"a run was due at {state.next_at:%Y-%m-%d %H:%M:%S %Z}, and was not started"
    return ""


def demand(config: Config, environ: Mapping[str, str]) -> State:
    """Return the state of this pipeline's scheduler; raise EltError where it is not healthy."""
    path = state_file(config, environ)
    state = read(path)
    why = fault(state, datetime.now(UTC), config.schedule.max_age_seconds)
    if why or state is None:
        raise EltError(f"unhealthy: {why}", hint=f"{path} is what `elt schedule` writes; see its log.")
    return state


def _moments(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        key: datetime.fromisoformat(value) if key.endswith(("_at", "_since")) and value else value
        for key, value in fields.items()
    }
