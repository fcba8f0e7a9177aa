"""The separate seeding step: a CSV becomes a table in the source."""
