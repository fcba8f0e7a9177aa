"""Where a server is, and how it lets us in: the `source` and the `destination` of the config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from elt_script.config.url import are_addresses, from_url, holds_password
from elt_script.config.value import (
    NOT_GIVEN,
    FilePath,
    KeyPath,
    PassfilePath,
    RootCertificatePath,
    SecretPath,
    Section,
    fault,
    read_secret,
)
from elt_script.errors import ConfigError
from elt_script.pg.endpoint import Endpoint, Role

METHODS = "password|md5|gss|sspi|scram-sha-256|oauth|none"

Port = Annotated[int, Field(ge=1, le=65535)]
Tls = Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
Wish = Literal["disable", "prefer", "require"]


class Server(Section):
    """A database, and how to be let in: `url`, or `service`, or `host`, `port`, `dbname` and `user`.

    Names and meanings of the keys are libpq's. What the config file leaves out, the environment fills:
    ELT_SOURCE_HOST is the `host` of `source`, and ELT_SOURCE_HOST_FILE names a file that holds it.
    """

    # The order matters: a key is held against those above it.
    url: SecretStr | None = Field(
        default=None,
        description="postgresql://user@host:5432/dbname, or host=… dbname=…, in place of the keys below",
    )
    service: str | None = Field(default=None, description="name of a section of libpq's pg_service.conf")
    hostaddr: str | None = Field(default=None, description="IP address; it spares the look-up of host")
    host: str | None = Field(
        default=None, validate_default=True, description="name, IP address, or folder of the server's socket"
    )
    port: Port | None = Field(default=None, description="1 to 65535, by default 5432")
    dbname: str | None = Field(default=None, validate_default=True, description="name of the database")
    user: str | None = Field(default=None, description="name of the role, by default the system user's")
    password: SecretStr | None = Field(
        default=None, description="better left to password_file, or to the environment: ELT_SOURCE_PASSWORD"
    )
    password_file: SecretPath | None = Field(
        default=None, description="file that holds the password; line ends after it are not part of it"
    )
    passfile: PassfilePath | None = Field(
        default=None, description="libpq's file of passwords, by default ~/.pgpass"
    )
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        default=None, description="by default prefer; only verify-full proves who answers"
    )
    sslrootcert: RootCertificatePath | None = Field(
        default=None, description="file of the certificate authorities to trust, or the word system"
    )
    sslcert: FilePath | None = Field(default=None, description="file of the client's certificate")
    sslkey: KeyPath | None = Field(default=None, description="file of the client's key, without a passphrase")
    sslcrl: FilePath | None = Field(default=None, description="file of revoked certificates")
    sslcrldir: FilePath | None = Field(default=None, description="folder of revoked certificates")
    sslcertmode: Literal["disable", "allow", "require"] | None = Field(
        default=None, description="whether to send the client's certificate, by default allow"
    )
    sslsni: bool | None = Field(default=None, description="name the host when TLS begins, by default true")
    ssl_min_protocol_version: Tls | None = Field(default=None, description="by default TLSv1.2")
    ssl_max_protocol_version: Tls | None = Field(
        default=None, description="by default the newest of both sides"
    )
    channel_binding: Wish | None = Field(default=None, description="by default prefer")
    gssencmode: Wish | None = Field(default=None, description="encryption by GSSAPI, by default prefer")
    require_auth: str | None = Field(
        default=None,
        pattern=rf"^!?({METHODS})(,!?({METHODS}))*$",
        description="how the server may ask who we are, such as scram-sha-256, or !password,!md5",
    )
    target_session_attrs: (
        Literal["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] | None
    ) = Field(default=None, description="which of several hosts to take, by default any")
    connect_timeout: int | None = Field(
        default=None,
        ge=2,
        le=3600,
        description="seconds for each attempt to connect, 2 to 3600, by default 10",
    )

    # Validators of fields, not of the model: those run only when all fields are right, and would hide their
    # faults behind the others.

    @field_validator("url")
    @classmethod
    def _can_be_read(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            from_url(url.get_secret_value())
        return url

    @field_validator("*")
    @classmethod
    def _agrees_with_the_url(cls, value: object, info: ValidationInfo) -> object:
        theirs = _url(info).get(info.field_name or "")
        if value is not None and theirs is not None and theirs != _as_text(value):
            raise fault("`url` gives another value: give it in one place")
        return value

    @field_validator("hostaddr")
    @classmethod
    def _is_an_address(cls, hostaddr: str | None) -> str | None:
        if not are_addresses(hostaddr or ""):
            raise fault("must be an IP address: give a name as `host`")
        return hostaddr

    @field_validator("service", "host", "dbname", "user")
    @classmethod
    def _is_no_url(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:
            raise fault("this is a URL: give it as `url`")
        return value

    @field_validator("service")
    @classmethod
    def _is_not_beside_a_url(cls, service: str | None, info: ValidationInfo) -> str | None:
        if service is not None and info.data.get("url") is not None and "service" not in _url(info):
            raise fault("`url` says where the server is: leave out one of the two")
        return service

    @field_validator("hostaddr", "host", "port")
    @classmethod
    def _is_not_beside_a_service(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("service") is not None:
            raise fault("`service` says where the server is: leave out one of the two")
        return value

    @field_validator("host")
    @classmethod
    def _is_somewhere(cls, host: str | None, info: ValidationInfo) -> str | None:
        if not host and not _may_know(info, "host", "hostaddr", "service"):
            raise fault(
                "nothing says where the server is: give host and dbname, or service, or url", NOT_GIVEN
            )
        return host

    @field_validator("dbname")
    @classmethod
    def _is_known(cls, dbname: str | None, info: ValidationInfo) -> str | None:
        # A service may name the database. Without any name libpq takes the user's: a guess, for a copy.
        if not dbname and not _may_know(info, "dbname", "service"):
            raise fault("nothing says which database: give dbname, or a url that names it", NOT_GIVEN)
        return dbname

    @field_validator("password_file")
    @classmethod
    def _is_the_only_password(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and info.data.get("password") is not None:
            raise fault("`password` is given too: leave out one of the two")
        if path is not None and "password" in _url(info):
            raise fault("`url` holds a password too: leave out one of the two")
        return path

    def endpoint(self, role: Role, application: str = "elt") -> Endpoint:
        """Return how to reach this server. Raises ConfigError where password_file is gone by now."""
        keywords = self._keywords()
        password = keywords.pop("password", None)
        if self.password_file is not None:
            try:
                password = read_secret(self.password_file)
            except ValueError as error:
                detail = f"{self.password_file}: {error}"
                raise ConfigError(f"{role}.password_file gives no password", detail=detail) from None
        return Endpoint(role=role, parameters=keywords, password=password or None, application=application)

    @property
    def url_has_password(self) -> bool:
        """Whether `url` holds the password."""
        return self.url is not None and holds_password(self.url.get_secret_value())

    def is_at(self, other: Server) -> bool:
        """Whether both are one database by their names alone; other names may still lead to it."""
        return self._place() == other._place()

    def _place(self) -> tuple[str | None, ...]:
        known = self._keywords()
        host = known.get("hostaddr") or known.get("host")
        return known.get("service"), host and host.lower(), known.get("port"), known.get("dbname")

    def _keywords(self) -> dict[str, str]:
        """Return libpq's keywords, the password among them."""
        keywords = from_url(self.url.get_secret_value()) if self.url is not None else {}
        for key in type(self).model_fields:
            value: object = getattr(self, key)
            if value is not None and key not in ("url", "password_file"):
                keywords[key] = _as_text(value)
        if "service" not in keywords:  # else libpq, in our own process, would look at PGPORT
            keywords.setdefault("port", "5432")
        return keywords


def _url(info: ValidationInfo) -> dict[str, str]:
    url: SecretStr | None = info.data.get("url")
    return {} if url is None else from_url(url.get_secret_value())


def _may_know(info: ValidationInfo, *keys: str) -> bool:
    """Whether one of keys is known by now, or cannot be known because what may give it has a fault."""
    failed = any(key not in info.data for key in ("url", *keys) if key != info.field_name)
    return failed or any(info.data.get(key) or key in _url(info) for key in keys)


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(int(value)) if isinstance(value, bool) else str(value)
