"""Renew the catalogues, or check them: ``python -m custaudience.present.locale [check] [language …]``."""

from __future__ import annotations

import sys

from custaudience.present import locale
from custaudience.present.locale.messages import faults, update


def main(arguments: list[str]) -> int:
    """Renew or check the catalogues named, all of them by default; return the exit code."""
    checking = arguments[:1] == ["check"]
    wanted = arguments[1:] if checking else arguments
    broken = 0
    for language in wanted or locale.languages()[1:]:
        if checking:
            found = faults(language)
            broken += len(found)
            print("\n".join([*found, f"{language}: {len(found)} faults"]))
        else:
            total, missing = update(language)
            print(f"{language}: {total} messages, {missing} without a translation")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
