"""Copy a Postgres database into another one, again and again, so that its readers never notice."""

from importlib.metadata import version

__version__ = version("elt-script")
