"""``python -m clbench``, for where the command is not on the path."""

from clbench.cli import main

if __name__ == "__main__":
    main(prog_name="clbench")
