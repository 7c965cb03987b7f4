"""What a reader finds on a plot that was drawn: its words, its marks, and whether they lie on each other."""

import itertools

from matplotlib.figure import Figure

from custaudience.present import figure_bytes


def texts(ax, gid=None):
    """Return what is written on the axes, of one kind (`gid`) or all."""
    return [t.get_text() for t in ax.texts if gid in (None, t.get_gid())]


def names(labels):
    """Return labels of ticks, each in one line."""
    return [label.get_text().replace("\n", " ") for label in labels]


def rows(ax):
    return names(ax.get_yticklabels())


def words(ax):
    return texts(ax) + [t.get_text() for t in (*ax.get_xticklabels(), *ax.get_yticklabels())]


def caption(ax):
    return texts(ax, "caption")[0].replace("\n", " ")


def dots(ax):
    return [line for line in ax.lines if line.get_marker() not in ("None", "", None)]


def boxes_apart(marks, figure):
    """Say that no two marks touch, and that all lie inside the figure."""
    boxes = [mark.get_window_extent() for mark in marks if mark.get_text()]
    assert boxes, "nothing to look at"
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)


def speaks(draw, table):
    """Say that a plot asks by default, says a finding on demand, and both in another language."""

    def title(**more):
        ax = Figure().subplots()
        assert draw(table, ax=ax, **more) is ax and figure_bytes(ax, alt="x")
        return ax.get_title(loc="left")

    assert "?" in title() and title(title="It fell.", language="uk") == "It fell."
    assert any("а" <= letter <= "я" for letter in title(language="uk").lower())
