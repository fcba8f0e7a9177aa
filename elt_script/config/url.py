"""A connection URL → libpq's keywords, or what is wrong with it, without a word of what it holds."""

from __future__ import annotations

import difflib
import functools
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from pydantic_core import PydanticCustomError

from elt_script.config.value import fault, want_open_key

SCHEMES = ("postgresql://", "postgres://")

# A secret that no file and no variable of libpq can hold would have to be in argv, where `ps` shows it.
OTHER_SECRETS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
# What elt pins in every session: in a url they would win over that.
PINNED = ("options", "client_encoding", "application_name", "fallback_application_name", "replication")

ENCODED = "in a url, write %25 for %, %40 for @, %2F for /, %3F for ? and %23 for # in names and passwords"


@functools.cache
def _known() -> tuple[str, ...]:
    return tuple(option.keyword.decode() for option in pq.Conninfo.get_defaults())


def from_url(url: str) -> dict[str, str]:
    """Return libpq's keywords of a postgresql:// URL or a `host=… dbname=…` string, the password among them.

    Raises what a pydantic validator may raise. libpq's own words are not in it: they quote the URL.
    """
    _want_form(url)
    try:
        keywords = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except psycopg.Error:
        raise fault(_why_not(url)) from None
    _want_ours(keywords)
    if "service" not in keywords and not keywords.get("host") and not keywords.get("hostaddr"):
        raise fault("names no host (a local socket's folder is given as ?host=/var/run/postgresql)")
    if not all(port == "" or port.isdecimal() for port in keywords.get("port", "").split(",")):
        raise fault(
            "has a port that is no number: postgresql://user@host:5432/dbname"
        )  # or a password, perhaps
    if not are_addresses(keywords.get("hostaddr", "")):
        raise fault("has a hostaddr that is no IP address")
    if "://" in keywords.get("dbname", ""):
        raise fault("dbname is a URL within the url: give that one alone")
    if "sslkey" in keywords:
        want_open_key(Path(keywords["sslkey"]))
    return keywords


def _want_ours(keywords: Mapping[str, str]) -> None:
    """Refuse what is not for users to give."""
    for key in OTHER_SECRETS:
        if key in keywords:
            raise fault(f"{key} would be seen in the list of processes: elt takes no secret but the password")
    for key in PINNED:
        if key in keywords:
            raise fault(f"{key} is set by elt itself: leave it out of the url")


def holds_password(url: str) -> bool:
    """Whether a URL can be read, and has a password in it."""
    try:
        return "password" in from_url(url)
    except PydanticCustomError:
        return False


def are_addresses(hostaddr: str) -> bool:
    """Whether all of a hostaddr are IP addresses, of which libpq takes several; an empty one is none."""
    try:
        return all(ipaddress.ip_address(one.partition("%")[0]) for one in hostaddr.split(",") if one)
    except ValueError:
        return False


def _want_form(url: str) -> None:
    """Refuse what libpq would read, but not as it was meant: parts of a password would become names."""
    if not url.startswith(SCHEMES):
        if "=" not in url or "://" in url.partition("=")[0]:
            raise fault("must begin with postgresql://, or be a list such as host=db.example.com dbname=shop")
        return
    rest = url.partition("://")[2]
    if rest.count("@") > 1 or "@" in rest.partition("/")[2]:
        raise fault(f"has an @ or / where none can be: {ENCODED}")


def _why_not(url: str) -> str:
    if url.startswith(SCHEMES):
        keys = [key for key, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)]
        unknown = [key for key in keys if key not in (*_known(), "ssl")]
        likely = [match for key in unknown for match in difflib.get_close_matches(key, _known(), n=1)]
        if likely:
            return f"has a parameter that libpq does not know: did you mean {', '.join(likely)}?"
        return f"cannot be read: {ENCODED}"
    return "cannot be read: it must be a list of key=value, where a value with spaces is in single quotes"
