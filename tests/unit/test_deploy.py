"""The examples of deploy/ against their formats' rules, the image, and elt's own names."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # pyright: ignore[reportMissingTypeStubs]  (there are none)
import pytest
import yaml

from elt_script.config.env import KEYS, SIDES
from elt_script.config.file import load
from elt_script.errors import LockedError

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
CRONJOB = DEPLOY / "kubernetes" / "cronjob.yaml"
OLDEST_KUBERNETES = "1.27"  # timeZone is stable since then
KNOWN = {f"ELT_{side}_{key}".upper() for side in SIDES for key in KEYS} | {"ELT_LOG_FORMAT", "ELT_CONFIG"}
PASSWORDS = {"ELT_SOURCE_PASSWORD_FILE", "ELT_DESTINATION_PASSWORD_FILE"}


@cache
def documents() -> dict[str, Any]:
    return {found["kind"]: found for found in yaml.safe_load_all(CRONJOB.read_text(encoding="utf-8"))}


@pytest.fixture
def job() -> Any:
    return documents()["CronJob"]["spec"]["jobTemplate"]["spec"]


@pytest.fixture
def pod(job: Any) -> Any:
    return job["template"]["spec"]


def environment(container: Any) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["env"]}


def dockerfile(pattern: str) -> str:
    (found,) = re.findall(pattern, (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    return found


def want_known(variables: Mapping[str, str]) -> None:
    assert variables.keys() >= PASSWORDS
    assert variables.keys() <= KNOWN


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
def test_kubernetes_knows_every_key(version: str) -> None:
    assert set(documents()) == {"ConfigMap", "CronJob"}
    for document in documents().values():
        kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_key_would_be_found() -> None:
    cronjob = deepcopy(documents()["CronJob"])
    spec = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    spec["containers"][0]["readOnlyRootFilesytem"] = True

    with pytest.raises(kubernetes_validate.ValidationError, match="readOnlyRootFilesytem"):
        kubernetes_validate.validate(cronjob, OLDEST_KUBERNETES, strict=True)


def test_the_cronjob_fits_the_image(pod: Any) -> None:
    (container,) = pod["containers"]
    context = pod["securityContext"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert container["image"].endswith(f":{version}")
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == dockerfile(r"^USER (.*)$")
    assert context["fsGroup"] == context["runAsGroup"]  # what may read the Secret's files
    assert {"readOnly": True, "name": "config"}.items() <= mounts[dockerfile(r"^WORKDIR (.*)$")].items()
    assert "readOnly" not in mounts[dockerfile(r"^ENV HOME=(\S*)")]
    assert {mount["name"] for mount in mounts.values()} == {volume["name"] for volume in pod["volumes"]}


def test_the_cronjob_is_locked_down(job: Any, pod: Any) -> None:
    (container,) = pod["containers"]

    assert documents()["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["backoffLimit"] == 0
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False


def test_the_cronjob_makes_a_whole_config(pod: Any, tmp_path: Path) -> None:
    (container,) = pod["containers"]
    variables = environment(container)
    want_known(variables)
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for name in ("source_password", "destination_password"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    here = {name: value.replace(mounts["passwords"], str(tmp_path)) for name, value in variables.items()}
    file = tmp_path / "config.yaml"
    file.write_text(documents()["ConfigMap"]["data"]["config.yaml"], encoding="utf-8")

    config = load(file, here)

    assert config.source.endpoint("source", "elt").password == "source_password"
    assert config.destination.endpoint("destination", "elt").password == "destination_password"


def unit(name: str) -> list[tuple[str, str]]:
    text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
    return re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)


def test_the_service_reads_the_passwords_it_is_given() -> None:
    lines = unit("elt.service")
    variables = dict(value.split("=", 1) for key, value in lines if key == "Environment")
    credentials = dict(value.split(":", 1) for key, value in lines if key == "LoadCredential")

    want_known(variables)
    assert {f"%d/{name}" for name in credentials} == {variables[name] for name in PASSWORDS}
    assert set(credentials.values()) == {f"/etc/elt/{name}" for name in credentials}
    assert ("SuccessExitStatus", str(LockedError.exit_status)) in lines


def test_the_dag_skips_when_another_run_is_at_work() -> None:
    module = ast.parse((DEPLOY / "airflow" / "elt_dag.py").read_text(encoding="utf-8"))
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    (operator,) = (
        {keyword.arg: keyword.value for keyword in node.keywords}
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "BashOperator"
    )

    assert constants == {"LOCKED": LockedError.exit_status}
    assert ast.unparse(operator["skip_on_exit_code"]) == "LOCKED"
    want_known(ast.literal_eval(operator["env"]))
