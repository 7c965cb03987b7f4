import datetime as dt
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import made_up
import nbformat
import pandas as pd
import pytest

from custaudience.evidence import Claim, write_claims
from custaudience.present.words import WordsError
from custaudience.reports import site
from custaudience.reports.ledger import read_ledger

HOSTILE = ("<script>alert(1)</script>", '" onmouseover="alert(1)', "'><img src=http://evil.example/x.png>")
# May stand in a Ukrainian page in Latin letters: names and codes.
NAMES = {
    "segments.csv", "segment_rules.csv",
    "grocery", "panel", "custaudience", "python", "usd", "vnd", "english", "rfm", "csv", "parquet", "n", "r", "p",
    "transactions", "customers", "start_here", "rfm_and_lifecycle", "cohorts", "study.toml", "control", "tables",
}  # fmt: skip


class Read(HTMLParser):
    """Collects what a test asks about a page."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.sources, self.events, self.tags = [], [], [], [], []
        self.text, self.alts, self._open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if "href" in attributes else []
        self.sources += [attributes["src"]] if "src" in attributes else []
        self.alts += [attributes["alt"]] if tag == "img" else []
        self.events += [name for name in attributes if name.startswith("on")]
        if tag not in ("meta", "br", "img", "i", "path"):
            foreign = tag in ("style", "code", "title") or attributes.get("lang") == "en"
            self._open.append((tag, foreign and tag != "html"))

    def handle_endtag(self, tag):
        while self._open and self._open[-1][0] != tag:
            self._open.pop()
        if self._open:
            self._open.pop()

    def handle_data(self, data):
        if not any(foreign for _tag, foreign in self._open):
            self.text.append(data)


@pytest.fixture
def month(tmp_path):
    folder = made_up.build_month(tmp_path / "2017-12")
    site.render_month(folder, made_up.run_info())
    return folder


def pages(folder):
    return sorted(folder.rglob("*.html"))


def assert_whole_in_itself(html):
    page = Read(html)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert not page.events
    assert all(source.startswith("data:image/") for source in page.sources)
    assert not [link for link in page.links if re.match(r"[a-z]+:|//", link)]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'" in html
    assert len(page.ids) == len(set(page.ids))
    lost = {link[1:] for link in page.links if link.startswith("#")} - set(page.ids)
    assert not lost


def test_a_month_has_its_pages_in_each_language(month):
    names = {path.relative_to(month).as_posix() for path in pages(month)}
    assert names == {
        "index.html", "index.uk.html", "segments.html", "segments.uk.html", "appendix/index.html",
    }  # fmt: skip
    assert '<html lang="uk">' in (month / "index.uk.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("n_segments", [1, 4, 9])
def test_pages_are_whole_in_themselves_and_each_anchor_lands(tmp_path, n_segments):
    folder = made_up.build_month(tmp_path, n_segments=n_segments)
    site.render_month(folder, made_up.run_info())
    for path in pages(folder):
        assert_whole_in_itself(path.read_text(encoding="utf-8"))


def test_a_caveat_that_is_a_claim_too_is_said_once_below_the_figures(tmp_path):
    extra = Claim(
        id="data.warning.caveat_1", template="{caveat:text}",
        values={"caveat": made_up.run_info().caveats[0]}, kind="typed", status="typed",
        statistic="quarantine", value=None, unit="", n=None, source="study.toml", as_of=made_up.AS_OF, notebook="",
    )  # fmt: skip
    folder = made_up.build_month(tmp_path, extra=(extra,))
    site.render_month(folder, made_up.run_info())
    for name in ("index.html", "index.uk.html"):
        notes = re.findall(r'<p class="note".*?</p>', (folder / name).read_text(encoding="utf-8"), re.DOTALL)
        assert len(notes) == 2  # the caveat and that there is no last year


def test_a_caveat_may_be_given_once_per_language(tmp_path):
    caveat = {"en": "A tenth of all.", "uk": "Десята частина всіх."}
    site.render_month(made_up.build_month(tmp_path), made_up.run_info(caveats=(caveat, {"en": "Only English."})))
    index, ukrainian = ((tmp_path / f"index{x}.html").read_text(encoding="utf-8") for x in ("", ".uk"))
    assert "A tenth of all." in index and "Десята" not in index
    assert "Десята частина всіх." in ukrainian and '<p class="caveat" lang="en">Only English.</p>' in ukrainian


def test_links_to_other_pages_land(month):
    made_up.write_manifest(month)
    site.render_study_index(month.parent)
    expected = {"appendix/" + stem + suffix for stem in made_up.NOTEBOOKS for suffix in (".html", ".ipynb")}
    for path in [*pages(month), month.parent / "index.html"]:
        for link in Read(path.read_text(encoding="utf-8")).links:
            file, _hash, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            known = target.is_relative_to(month) and target.relative_to(month).as_posix() in expected
            assert target.exists() or known, link
            if anchor and not known:
                assert f'id="{anchor}"' in target.read_text(encoding="utf-8")


def test_the_page_says_what_the_month_was(month):
    text = (month / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    for expected in (
        "Grocery panel", made_up.CAVEAT.replace("'", "&#39;"), "December 2017 · as of 31 December 2017 · USD",
        "$421,720", "2,062", "13,097", "$32.20", "1,469,307 lines read", "168 lines set aside",
        "per trading day", "+9.2 % in total", "No last year in the data.", "Too short to tell: 11 earlier months.",
        "fewer than 10", "34 moved in, 8 out", "Write to the 44 best customers", "agrees with the control total",
    ):  # fmt: skip
        assert expected in text, expected


def test_rows_of_few_people_show_no_figure(month):
    text = (month / "index.html").read_text(encoding="utf-8")
    row = re.search(r"<tr[^>]*>(?:(?!</tr>).)*Cannot lose.*?</tr>", text, re.DOTALL).group()
    assert not re.search(r"\d", re.sub(r"<[^>]+>", "", row).replace("fewer than\u00a010", ""))


def test_accents_advice_and_the_missing_banner_of_a_complete_run(month):
    """Four segments wear an accent, the others are grey; advice names its rule and what it rests on."""
    text = (month / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r'<tr style="--c:#', text)) == 4 and 'class="banner"' not in text
    entry = re.search(r'id="e-rfm_and_lifecycle-overdue_valuable".*?</div>', text, re.DOTALL).group()
    assert "Rule: highest revenue score" in entry and "#e-rfm_and_lifecycle-finding" in entry and "advice" in entry


def test_the_interval_of_an_estimate_stands_in_its_evidence(tmp_path):
    extra = Claim(
        id="data.warning.came_back", template="{share:percent} came back.", values={"share": 0.71}, kind="estimate",
        statistic="survival", value=0.71, unit="fraction", low=0.69, high=0.73, level=0.95, n=2469,
        source="transactions", as_of=dt.date(2017, 11, 30), notebook="31_cohorts.ipynb",
    )  # fmt: skip
    folder = made_up.build_month(tmp_path, extra=(extra,))
    site.render_month(folder, made_up.run_info(languages=("en",)))
    text = (folder / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "95 % interval: 69.0 % to 73.0 %." in text and "n = 2,469." in text
    assert "As of 30 November 2017." in text and 'href="appendix/31_cohorts.html"' in text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_stay_text(tmp_path, hostile):
    extra = Claim(
        id="data.warning.hostile", template="Odd: {name:text}", values={"name": hostile}, kind="count",
        statistic="quarantine", value=hostile, unit="rows", n=1, source=hostile, as_of=made_up.AS_OF,
        notebook=f"{hostile}.ipynb", method=hostile, filter=hostile,
    )  # fmt: skip
    folder = made_up.build_month(tmp_path / "2017-12", rename=lambda key: hostile + key, extra=(extra,))
    info = made_up.run_info(study_name=hostile, caveats=(hostile,), currency="USD", status="failed")
    runs = (
        replace(info.notebooks[0], title=hostile, status="failed", reason=hostile, failed_cell=3),
        *info.notebooks[1:],
    )
    site.render_month(folder, replace(info, notebooks=runs))
    made_up.write_manifest(folder, study_name=hostile, caveats=[hostile])
    made_up.write_manifest(
        tmp_path / "2018-01.failed",
        status="failed",
        notebooks=[{"file": hostile, "status": "failed", "reason": hostile}],
    )
    site.render_study_index(tmp_path)
    for path in pages(tmp_path):
        assert_whole_in_itself(path.read_text(encoding="utf-8"))


def test_a_ukrainian_page_has_no_run_of_latin_words(month):
    for name in ("index.uk.html", "segments.uk.html"):
        text = " ".join(Read((month / name).read_text(encoding="utf-8")).text)
        runs = [
            run.split() for run in re.findall(r"[A-Za-z][A-Za-z_.'’-]*(?:[\s\u00a0]+[A-Za-z][A-Za-z_.'’-]*)*", text)
        ]
        odd = [run for run in runs if {re.sub(r"^\d+_|\W+$", "", word.lower()) for word in run} - NAMES]
        assert not odd


def test_long_names_and_large_amounts(tmp_path):
    long_name = "Найпостійніші покупці натуральних приправ і чаїв"
    folder = made_up.build_month(tmp_path, scale=1000, currency="VND", rename=lambda key: f"{long_name} {key}")
    site.render_month(folder, made_up.run_info(currency="VND", languages=("uk",)))
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "421\u00a0720\u00a0450\u00a0VND" in text and long_name in text


def test_missing_tables_leave_a_blank_that_names_the_notebook(tmp_path):
    (tmp_path / "tables").mkdir()
    site.render_month(tmp_path, made_up.run_info())
    index = (tmp_path / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "Too few to show, or none at all." in index and "It would come from" not in index  # both ran
    site.render_month(tmp_path, replace(made_up.run_info(), notebooks=()))
    index = (tmp_path / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "It would come from the notebook 00_start_here." in index
    assert "It would come from the notebook 30_rfm_and_lifecycle." in index
    assert "<h1>What the data say about December 2017</h1>" in index
    assert "nobody has compared these figures with the books" in index
    for path in pages(tmp_path):
        assert_whole_in_itself(path.read_text(encoding="utf-8"))


def test_claims_are_read_as_the_notebooks_left_them(tmp_path):
    write_claims(tmp_path / "claims" / "start_here.json", made_up.claims())
    ledger = read_ledger(tmp_path)
    assert ledger["start_here.revenue"].value == pytest.approx(421720.45)
    assert list(ledger.values()) == sorted(made_up.claims(), key=lambda claim: claim.id)


@pytest.mark.parametrize(
    ("status", "sentence"), [("failed", "This run failed"), ("incomplete", "This report is incomplete.")]
)
def test_a_failed_run_says_what_failed_and_where(tmp_path, status, sentence):
    info = made_up.run_info(status=status)
    broken = replace(info.notebooks[1], status="failed", reason="KeyError: 'revenue'", failed_cell=7)
    skipped = replace(info.notebooks[2], status="skipped", reason="table transactions is missing", page_path="")
    folder = made_up.build_month(tmp_path)
    site.render_month(folder, replace(info, notebooks=(info.notebooks[0], broken, skipped)))
    index = (folder / "index.html").read_text(encoding="utf-8")
    banner = re.search(r'<section class="banner".*?</section>', index, re.DOTALL).group()
    assert sentence in banner and "30_rfm_and_lifecycle.ipynb failed in cell 7" in banner and "KeyError" in banner
    assert "31_cohorts.ipynb was skipped" in index and "table transactions is missing" in index
    appendix = (folder / "appendix" / "index.html").read_text(encoding="utf-8")
    assert "failed in cell 7" in appendix and "skipped: table transactions is missing" in appendix
    assert "banner" in (folder / "segments.uk.html").read_text(encoding="utf-8")


def test_the_first_language_has_the_plain_names(tmp_path):
    folder = made_up.build_month(tmp_path)
    site.render_month(folder, made_up.run_info(languages=("uk", "en")))
    assert '<html lang="uk">' in (folder / "index.html").read_text(encoding="utf-8")
    assert (folder / "index.en.html").exists()


def test_a_language_that_is_not_shipped_is_refused(tmp_path):
    with pytest.raises(WordsError, match="no report language 'fr'"):
        site.render_month(made_up.build_month(tmp_path), made_up.run_info(languages=("fr",)))


def test_a_year_before_is_shown_where_the_data_hold_it(tmp_path):
    folder = made_up.build_month(tmp_path)
    table = made_up.months()
    before = table.assign(month=table["month"].str.replace("2017", "2016"))
    pd.concat([before, table]).to_parquet(folder / "tables" / "months.parquet", index=False)
    site.render_month(folder, made_up.run_info(languages=("en",)))
    text = (folder / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "A year before, December 2016: $421,720." in text and "No last year in the data. " not in text


def test_the_study_index_lists_months_and_warns_of_failed_ones(tmp_path):
    for name, status in (("2017-11", "complete"), ("2017-12", "incomplete")):
        made_up.write_manifest(tmp_path / name, status=status)
    failed = [{"file": "30_rfm.ipynb", "status": "failed", "reason": "KeyError"}, {"file": "00.ipynb", "status": "ok"}]
    made_up.write_manifest(tmp_path / "2017-12.failed", status="failed", notebooks=failed)
    (tmp_path / ".2017-10.old").mkdir()
    (tmp_path / "2017-10").mkdir()  # no manifest: listed all the same
    site.render_study_index(tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert_whole_in_itself(html)
    links = Read(html).links
    assert [link for link in links if "/" in link] == [
        "2017-12.failed/index.html", "2017-12/index.html", "2017-11/index.html", "2017-10/index.html",
    ]  # fmt: skip
    assert "30_rfm.ipynb: KeyError" in html and "00.ipynb" not in html and "incomplete" in html


@pytest.fixture
def notebook(tmp_path):
    """An executed notebook with all that can stand in one, hostile parts included."""
    v4 = nbformat.v4
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
    hidden = v4.new_code_cell("study = 'data/grocery'", outputs=[v4.new_output("stream", text="a parameter")])
    hidden.metadata["tags"] = ["injected-parameters"]
    shown = [
        v4.new_output("display_data", {"image/png": png, "text/plain": "<Figure>"},
                      metadata={"image/png": {"alt": 'Bars, "December" highest'}}),
        v4.new_output("execute_result", {"text/html": "<style>x{}</style><table onclick='x()'><caption>Who</caption>"
                      "<thead><tr><th></th><th>n</th></tr></thead><tbody><tr><th>a</th><td>1<script>alert(1)</script>"
                      "</td></tr></tbody></table>", "text/plain": "never shown"}, execution_count=1),
        v4.new_output("stream", text="1 < 2\n"),
        v4.new_output("stream", name="stderr", text="a warning nobody needs"),
    ]  # fmt: skip
    cells = [
        v4.new_markdown_cell("# Who buys?\n\nText <script>alert(1)</script> <b onclick='x()'>bold</b>"),
        hidden,
        v4.new_markdown_cell("## First\n\n![far](http://evil.example/x.png)\n\n## Second\n\n## Third"),
        v4.new_code_cell("secret_code()", outputs=shown, execution_count=1),
    ]
    path = tmp_path / "30_rfm_and_lifecycle.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def test_an_appendix_page_reads_as_an_article(notebook, tmp_path):
    info = made_up.run_info()
    html_path = tmp_path / "appendix" / "30.html"
    site.render_appendix_page(notebook, html_path, info, info.notebooks[1])
    html = html_path.read_text(encoding="utf-8")
    assert_whole_in_itself(html)
    for absent in ("secret_code", "a parameter", "alert(1)", "never shown", "a warning nobody needs", "evil.example"):
        assert absent not in html, absent
    for present in ('<html lang="en">', '<th scope="row">a</th>',
                    '<th scope="col">n</th>', "1 &lt; 2", "English appendix for analysts", 'href="#part-1"',
                    "<b>bold</b>",
                    'aria-label="Table 1: Who"'):  # fmt: skip
        assert present in html, present
    assert html.count("<h1") == 1 and Read(html).alts == ['Bars, "December" highest']


def test_an_appendix_page_of_a_failed_notebook_says_so(tmp_path):
    v4 = nbformat.v4
    error = v4.new_output("error", ename="KeyError", evalue="'<revenue>'", traceback=["\x1b[31mlong\x1b[0m"])
    path = tmp_path / "30.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=[error])]), path)
    info = made_up.run_info(status="failed")
    run = replace(info.notebooks[1], status="failed", reason="KeyError: '<revenue>'", failed_cell=1)
    site.render_appendix_page(path, tmp_path / "30.html", info, run)
    html = (tmp_path / "30.html").read_text(encoding="utf-8")
    assert "This notebook failed in cell 1" in html and "&lt;revenue&gt;" in html and "\x1b" not in html


def test_no_page_holds_a_path_of_this_computer(month):
    for path in pages(month):
        assert str(Path.home()) not in path.read_text(encoding="utf-8") or str(Path.home()) == "/root"
        assert str(month) not in path.read_text(encoding="utf-8")


def test_a_blanked_count_is_said_to_be_small_not_left_out(month):
    """A tile that vanishes shifts the others and hides that something is known."""
    path = month / "tables" / "segments.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "n_overdue"] = pd.NA
    table.to_parquet(path)
    site.render_month(month, made_up.run_info())
    first = (month / "segments.html").read_text(encoding="utf-8").split('<section class="segment"')[1]
    assert re.search(r"Silent longer than usual</dt><dd[^>]*>fewer than\s10", first)
