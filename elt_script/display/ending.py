"""How a program says that it failed: in words for people, or as the last event of a log of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from elt_script.display.output import misuse, stderr
from elt_script.errors import ConfigError, EltError, complaint
from elt_script.secret import without_credentials

if TYPE_CHECKING:
    from elt_script.display.events import LogFormat


class Ending:
    """The end of one command of a program; what is known of it grows as the command line is read.

    command  the event is called after it: run.failed
    """

    def __init__(self, program: str, command: str, log_format: str | None) -> None:
        self._program = program
        self.command = command
        self.log_format: LogFormat = "json" if log_format == "json" else "auto"

    def tell(self, error: EltError | click.ClickException) -> int:
        """Say what went wrong, once, and return the exit status."""
        if self.log_format == "json":
            return self._log(error if isinstance(error, EltError) else _misused(error))
        if isinstance(error, EltError):
            click.echo(complaint(self._program, error), stderr(), err=True)
            return error.exit_status
        click.echo(misuse(error), stderr(), err=True, nl=False)
        return error.exit_code

    def _log(self, error: EltError) -> int:
        import structlog  # noqa: PLC0415  (slow to import, and the words for people need none of it)

        from elt_script.display.events import configure  # noqa: PLC0415  (it brings structlog)

        status = error.exit_status
        said = {"error": error.message, "detail": error.detail, "hint": error.hint}
        if error.run_id:
            said["run_id"] = error.run_id
        with configure("json"):
            structlog.get_logger().error(f"{self.command}.failed", exit_status=status, **said)
        return status


def _misused(error: click.ClickException) -> ConfigError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"See `{context.command_path} --help`." if context else ""
    return ConfigError(without_credentials(error.format_message()), hint=hint)
