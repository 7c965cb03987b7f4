"""The topics that have a page of their own in the monthly report, in the order of reading."""

from __future__ import annotations

from custaudience.reports.topic_pages import Topic

TOPICS: tuple[Topic, ...] = ()
