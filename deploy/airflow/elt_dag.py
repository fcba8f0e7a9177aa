"""Runs `elt run` every night, on a worker that has elt in /opt/elt. See deploy/README.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

LOCKED = 8  # another run of this pipeline is at work, and nothing is wrong

with DAG(
    "elt",
    description="Copy a Postgres database into another one",
    schedule="0 3 * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,  # a run copies what there is now: one makes up for all that were missed
    max_active_runs=1,
):
    BashOperator(
        task_id="run",
        bash_command="exec /opt/elt/bin/elt --config /etc/elt/config.yaml run",
        env={
            "ELT_SOURCE_PASSWORD_FILE": "/etc/elt/source_password",
            "ELT_DESTINATION_PASSWORD_FILE": "/etc/elt/destination_password",
            "ELT_LOG_FORMAT": "json",
        },
        append_env=True,
        skip_on_exit_code=LOCKED,
        retries=0,  # elt itself waits for servers and repeats copies: what fails after that needs somebody
        execution_timeout=timedelta(hours=4),
    )
