"""Fetch what the images are drawn from: with npm and apt; the digits are in an installed package."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from importlib.metadata import files
from pathlib import Path

from places import Places

HERE = Path(__file__).parent
DIGITS = "digits.csv.gz"  # of scikit-learn, unchanged for years
FASHION = "dataset-fashion-mnist"


def run(*command: str, cwd: Path) -> None:
    """Run a command, echoed; stop where it fails."""
    print("+", *command, flush=True)
    subprocess.run(command, cwd=cwd, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for intermediate data")
    work: Path = parser.parse_args().work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    places = Places(work)
    if not places.icons.exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, work)
        run("npm", "ci", "--no-audit", "--no-fund", cwd=work)
    if not places.countries.exists():
        names = subprocess.run(
            ["node", str(HERE / "countries.mjs")], check=True, capture_output=True, text=True
        ).stdout
        places.countries.write_text(names)
    if not places.digits.exists():
        [digits] = [file for file in files("scikit-learn") or [] if file.name == DIGITS]
        shutil.copy(str(digits.locate()), places.digits)
    if not places.clothes.exists():
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder)
            run("apt-get", "download", FASHION, cwd=temporary)
            run("dpkg-deb", "-x", str(next(temporary.glob("*.deb"))), "unpacked", cwd=temporary)
            shutil.copytree(
                temporary / "unpacked" / "usr" / "share" / "datasets" / "fashion-mnist", places.clothes
            )


if __name__ == "__main__":
    main()
