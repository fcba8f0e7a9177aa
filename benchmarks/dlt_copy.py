"""Copy the schema public with dlt, as its documentation recommends for speed; runs where dlt is installed.

SOURCE and DESTINATION in the environment are the databases.
"""

# dlt is not in our own environment: its types are not known here
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import os

import dlt
from dlt.sources.sql_database import sql_database
from sqlalchemy import JSON, LargeBinary, create_engine, inspect

# SQLAlchemy 2.1 would take psycopg, and dlt brings psycopg2
url = os.environ["SOURCE"].replace("postgresql:", "postgresql+psycopg2:", 1)
columns = inspect(create_engine(url)).get_multi_columns(schema="public").values()
# Arrow and CSV are the fast way; dlt refuses to write bytea that way, and warns of jsonb
plain = not any(isinstance(column["type"], JSON | LargeBinary) for table in columns for column in table)

pipeline = dlt.pipeline(
    "benchmark",
    destination=dlt.destinations.postgres(os.environ["DESTINATION"]),
    dataset_name="public",
    pipelines_dir=os.path.join(os.environ["TMPDIR"], "pipelines"),  # noqa: PTH118
)
backend = {"backend": "pyarrow", "chunk_size": 100_000} if plain else {"backend": "sqlalchemy"}
source = sql_database(url, schema="public", **backend)
pipeline.run(source, write_disposition="replace", loader_file_format="csv" if plain else None)
