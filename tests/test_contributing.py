"""What CONTRIBUTING shows stands in the code, line by line, and in under 60 lines."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_example_of_a_claim_is_real() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text[text.index("**Its sentences.**") : text.index("**A notebook.**")]
    assert len(section.splitlines()) < 60
    pieces = re.split(r"```\w*\n", section)
    shown = [(re.findall(r"`((?:custaudience|tests)/[^`]+\.\w+)`", words)[0], block)
             for words, block in zip(pieces[::2], pieces[1::2], strict=False)]  # fmt: skip
    assert len(shown) == 5
    for file, block in shown:
        code = (ROOT / file).read_text(encoding="utf-8").splitlines()
        missing = [line for line in block.splitlines() if line.strip() and line not in code]
        assert not missing, f"{file} has no {missing}"


def test_the_rooms_of_the_picture_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    picture = text[text.index("```\ncustaudience/") : text.index("Data flow one way")]
    rooms = re.findall(r"^  (\w+)/", picture, re.MULTILINE)
    there = {p.name for p in (ROOT / "custaudience").iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert set(rooms) == there
    topics = {p.name for p in (ROOT / "custaudience" / "customers").iterdir() if (p / "__init__.py").exists()}
    assert all(topic in picture for topic in topics)
