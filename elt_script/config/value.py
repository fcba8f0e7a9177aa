"""What every part of the config is made of: sections, faults, and paths that start at the config's folder."""

from __future__ import annotations

import functools
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeGuard, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

NOT_GIVEN: Final = "not_given"  # the type of a fault that the environment could cure as well

SECRET_BYTES = 65_536  # more is a mistake, or a device without an end
ENCRYPTED_KEYS = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")  # PKCS#8, and OpenSSL's own


def fault(text: str, kind: Literal["fault", "not_given"] = "fault") -> PydanticCustomError:
    """Return what a validator raises: text says what is wrong and what would be right, never a value.

    Other keys of the same section are named `in backquotes`, so that whoever prints the fault can say where
    they were given.
    """
    return PydanticCustomError(kind, "{text}", {"text": text})


def faults(found: Mapping[str, str]) -> ValidationError:
    """Return what a validator raises for several faults below its own field: key → text."""
    details = [InitErrorDetails(type=fault(text), loc=(at,), input=None) for at, text in found.items()]
    return ValidationError.from_exception_data("config", details, hide_input=True)


def is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether value is a mapping, as pydantic hands one to a validator that runs before its own."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether value is a list, as pydantic hands one to a validator that runs before its own."""
    return isinstance(value, list)


class Section(BaseModel):
    """A mapping of the config. A key without a value (null) is the same as a key that is not there."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        if data is None:
            return {}
        if not is_mapping(data):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


def read_secret(path: Path) -> str:
    """Return a file's text without the line ends, and the mark, that editors and `echo` put there.

    Raises ValueError, which says why not and never shows what is in the file.
    """
    try:
        content = _start_of(path)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None
    if len(content) > SECRET_BYTES:
        raise ValueError(f"the file has more than {SECRET_BYTES} bytes: it is no password's")
    text = text.rstrip("\r\n")  # all of them, as the postgres image does
    if not text:
        raise ValueError("the file is empty")
    if "\0" in text:
        raise ValueError("the file holds a zero byte")
    return text


def _start_of(path: Path) -> bytes:
    return _said_once(path) if path.is_fifo() else _read(path)


@functools.cache
def _said_once(pipe: Path) -> bytes:
    """Return what a pipe says, such as a shell's <(…), to whoever asks again, too."""
    return _read(pipe)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SECRET_BYTES + 1)


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    """Return path as seen from the config file's folder; outside of a file, it is taken as it is."""
    context = cast("Mapping[str, Any]", info.context or {})
    if "folder" not in context:
        return path
    try:
        found: Path = context["folder"] / path.expanduser()
        there = found.exists()
    except OSError as error:
        raise fault(f"cannot be reached: {error.strerror}") from None
    except RuntimeError:
        raise fault("begins with ~, and there is no such home folder") from None
    if not there:
        raise fault("there is no such file (a relative path starts at the config file's folder)")
    return found


def _root_certificate(path: Path, info: ValidationInfo) -> Path:
    return path if str(path) == "system" else _from_folder(path, info)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise fault("must be a folder")
    return path


def _secret_file(path: Path) -> Path:
    try:
        read_secret(path)
    except ValueError as error:
        raise fault(str(error)) from None
    return path


def _unshared(path: Path, info: ValidationInfo) -> Path:
    """Return the path of a file of passwords, unless libpq would pass over it in silence."""
    mode = stat.S_IMODE(path.stat().st_mode) if info.context else 0
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise fault(f"libpq does not read it while others may (mode {mode:04o}): chmod 600 it")
    return path


def want_open_key(path: Path) -> Path:
    """Return the path of a client's key, unless OpenSSL would ask for its passphrase on a terminal."""
    try:
        content = _start_of(path)
    except OSError:  # libpq says it better: it knows what it wants of the file
        return path
    if any(mark in content for mark in ENCRYPTED_KEYS):
        raise fault(
            "the key has a passphrase, which elt cannot give: write one without (openssl pkey -in … -out …) "
            "that only its owner may read"
        )
    return path


PassfilePath = Annotated[Path, AfterValidator(_from_folder), AfterValidator(_unshared)]
FilePath = Annotated[Path, AfterValidator(_from_folder)]
FolderPath = Annotated[Path, AfterValidator(_from_folder), AfterValidator(_folder)]
KeyPath = Annotated[Path, AfterValidator(_from_folder), AfterValidator(want_open_key)]
SecretPath = Annotated[Path, AfterValidator(_from_folder), AfterValidator(_secret_file)]
RootCertificatePath = Annotated[Path, AfterValidator(_root_certificate)]
