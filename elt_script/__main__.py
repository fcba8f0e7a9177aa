"""`python -m elt_script` is `elt`."""

from elt_script.cli import main

if __name__ == "__main__":
    main()
