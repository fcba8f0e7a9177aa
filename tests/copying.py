"""The pipeline as tests run it: a config for two endpoints, runs in this process, what differs then."""

from __future__ import annotations

from collections.abc import Mapping

from elt_script.config.model import Config
from elt_script.pg.endpoint import Endpoint
from elt_script.report import RunReport
from elt_script.run import new_run_id, run
from tests.compare import differences


def config_of(source: Endpoint, destination: Endpoint, **keys: object) -> Config:
    """Return the config that copies one endpoint's database into the other's; keys as in config.yaml."""
    sides = {"source": server_of(source), "destination": server_of(destination)}
    return Config.model_validate({**sides, **keys})


def copied(source: Endpoint, destination: Endpoint, **keys: object) -> RunReport:
    """Run the pipeline once."""
    return run(config_of(source, destination, **keys), new_run_id())


def assert_same(source: Endpoint, destination: Endpoint, schemas: Mapping[str, str] | None = None) -> None:
    """Hold both databases to be the same; schemas maps source names to final ones, of those that count."""
    found = differences(source, destination, schemas)
    assert not found, "\n".join(found)


def execute(endpoint: Endpoint, script: str) -> None:
    """Run statements, in one transaction; names without a schema are public's."""
    with endpoint.with_settings(search_path="public").connect() as conn:
        conn.execute(script.encode())


def rows_of(endpoint: Endpoint, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    with endpoint.connect() as conn:
        return conn.execute(query.encode()).fetchall()


def server_of(endpoint: Endpoint) -> dict[str, object]:
    """Return an endpoint as a config says it."""
    return {**endpoint.parameters, "password": endpoint.password}
