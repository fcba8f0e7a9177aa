"""`python -m source_db_init` is `elt-seed`."""

from source_db_init.cli import main

if __name__ == "__main__":
    main()
