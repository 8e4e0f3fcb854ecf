"""``python -m enarx``: the command line, by the interpreter that is running."""

from enarx.cli.main import entry

if __name__ == "__main__":
    entry()
