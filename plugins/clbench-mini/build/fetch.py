"""Fetch what the images are drawn from, with the package managers' own clients: npm, pip and apt."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from places import Places

HERE = Path(__file__).parent
SCIKIT_LEARN = "scikit-learn"  # its sklearn/datasets/data/digits.csv.gz has not changed for years
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
        shutil.copy(HERE / "package.json", work)
        run("npm", "install", "--no-audit", "--no-fund", cwd=work)
    if not places.countries.exists():
        names = subprocess.run(
            ["node", str(HERE / "countries.mjs")], check=True, capture_output=True, text=True
        ).stdout
        places.countries.write_text(names)
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder)
        if not places.digits.exists():
            pip = (sys.executable, "-m", "pip", "install", "--no-deps", "--target", folder, SCIKIT_LEARN)
            run(*pip, cwd=temporary)
            shutil.copy(temporary / "sklearn" / "datasets" / "data" / "digits.csv.gz", places.digits)
        if not places.clothes.exists():
            run("apt-get", "download", FASHION, cwd=temporary)
            run("dpkg-deb", "-x", str(next(temporary.glob("*.deb"))), "unpacked", cwd=temporary)
            shutil.copytree(
                temporary / "unpacked" / "usr" / "share" / "datasets" / "fashion-mnist", places.clothes
            )


if __name__ == "__main__":
    main()
