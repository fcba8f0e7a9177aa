"""Are two databases the same? An answer that shares no code with what made them so.

Four looks, because each is blind where another sees: the text of pg_dump, the facts of the catalogs that
this text leaves out, every value's bytes, and large objects.
"""

from tests.compare.databases import differences

__all__ = ["differences"]
