"""Write the made-up studies: ``python data/make_synthetic.py FOLDER`` fills FOLDER/shop and FOLDER/b2b."""

from __future__ import annotations

import argparse
from pathlib import Path

from synthetic import make_b2b, make_shop
from synthetic.writing import write_study


def main() -> None:
    """Write the tables of both studies below the folder given; what else lies there is left alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to write shop/ and b2b/ into")
    folder = parser.parse_args().folder
    for study in (make_shop(), make_b2b()):
        for path in write_study(study, folder / study.name):
            print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
