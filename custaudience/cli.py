"""The command line: each command is a few lines over a function that can be imported."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import custaudience
from custaudience.errors import CustaudienceError, ParameterError

if TYPE_CHECKING:
    from custaudience.study.proposing import Question

app = typer.Typer(
    name="custaudience",
    help="From a company's own raw tables to a target audience it can defend.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
notebooks_app = typer.Typer(help="Keep the committed notebooks in order.", no_args_is_help=True)
app.add_typer(notebooks_app, name="notebooks")

_CLEAR = "\r\x1b[K"  # to the start of the line, and empty it

StudyPath = Annotated[str, typer.Argument(metavar="STUDY", help="Folder of the study, with its study.toml.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAMES]...", help="Slugs or numbers; default all.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Worker processes; default 2, or 1 on one core.")]


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False) -> None:
    """From a company's own raw tables to a target audience it can defend."""
    if version:
        typer.echo(custaudience.__version__)
        raise typer.Exit


@app.command()
def check(
    study: StudyPath, as_of: Annotated[str | None, typer.Option(help="Last day that counts, YYYY-MM-DD.")] = None
) -> None:
    """Read a study strictly and say what is in it: rows used and set aside, controls, warnings."""
    with _for_users():
        from custaudience.reports.studies import describe_study

        typer.echo(describe_study(study, as_of=as_of))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make, for the study.")],
    files: Annotated[list[Path], typer.Option("--from", metavar="FILE", help="An export; repeatable.")],
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="More exports.")] = None,
    preset: Annotated[str | None, typer.Option(help="A vendor's export, if it is not recognised.")] = None,
    answer: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Answer beforehand; repeatable.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="ISO code, such as EUR.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of the company, such as Europe/Kyiv.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the study; default the folder's.")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the files into the folder.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write what is unambiguous without asking.")] = False,
) -> None:
    """Look into exports and propose a study: which file is what, how it is written, and the evidence for it."""
    with _for_users():
        from custaudience.reports.studies import Talk, Wishes, make_study

        given = _pairs(answer, "--answer") | {k: v for k, v in (("currency", currency), ("timezone", timezone)) if v}
        asking = not yes and sys.stdin.isatty()
        show = _progress()
        confirm = (lambda: typer.confirm("Write this study?")) if asking else (lambda: yes)
        talk = Talk(_ask if asking else None, confirm, typer.echo, lambda text: show(text, False))
        written = make_study(folder, [*files, *(more or [])], Wishes(given, preset, name, copy), talk)
        raise typer.Exit(0 if written else 1)


@app.command()
def report(
    study: StudyPath,
    month: Annotated[str | None, typer.Option(help="YYYY-MM; default the last complete month.")] = None,
    notebook: Annotated[list[str] | None, typer.Option(help="Slug or number; repeatable; default all.")] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="Repeatable.")] = None,
    jobs: Jobs = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the reports; default ./reports.")] = None,
    private: Annotated[Path | None, typer.Option(help="Folder not to publish; default ./private.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Repeatable; default the study's.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for one cell.")] = 3600,
    pictures: Annotated[bool, typer.Option("--pictures", help="Persona cards as PNG, too; needs a Chromium.")] = False,
) -> None:
    """Run the notebooks on a study and publish one month's report; prints the path of its first page."""
    with _for_users():
        from custaudience.reports.runner import Request, run_report

        request = Request(
            study=study, month=month, notebooks=notebook or (), parameters=_pairs(parameter), jobs=jobs, out=out,
            private=private, languages=language or (), timeout=timeout, pictures=pictures,
        )  # fmt: skip
        result = run_report(request, _progress())
        typer.echo(str(result.index))
        raise typer.Exit(result.exit_code)


@app.command()
def lists(
    study: StudyPath,
    month: Annotated[str | None, typer.Option(help="YYYY-MM; default the last complete month.")] = None,
    hold_out: Annotated[float, typer.Option(help="Share to hold out at random, such as 0.1.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the random draw.")] = 1,
    bought: Annotated[list[str] | None, typer.Option(help="A thing somebody bought; repeatable.")] = None,
    missing: Annotated[list[str] | None, typer.Option(help="What goes with it; repeatable.")] = None,
    level: Annotated[str, typer.Option(help="Column of the products that names things; default the finest.")] = "",
    window: Annotated[int, typer.Option(min=0, help="Days around a purchase in which the other counts.")] = 30,
    language: Annotated[str | None, typer.Option(help="Of the reasons; default the study's.")] = None,
    private: Annotated[Path | None, typer.Option(help="Folder not to publish; default ./private.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Write anew, on other terms than before.")] = False,
) -> None:
    """Write whom to write to (overdue, missing a product, regular) to private files; prints counts only."""
    with _for_users():
        from custaudience.reports.contact_files import ListRequest, write_contact_files

        request = ListRequest(
            study=study, month=month, hold_out=hold_out, seed=seed, level=level, bought=bought or (),
            missing=missing or (), window_days=window, language=language, private=private, again=again,
        )  # fmt: skip
        written = write_contact_files(request)
        for warning in written.warnings:
            typer.echo(f"custaudience: {warning}", err=True)
        typer.echo("\n".join([*written.lines, str(written.folder)]))


@notebooks_app.command("refresh")
def refresh(names: Names = None, jobs: Jobs = None) -> None:
    """Run notebooks on their defaults and write them back in the form that is committed."""
    with _for_users():
        from custaudience.reports.notebooks import refresh_named

        changed, failed = refresh_named(names, jobs=jobs, progress=_progress())
        for path in changed:
            typer.echo(str(path))
        raise typer.Exit(1 if failed else 0)


@notebooks_app.command("check")
def check_committed(names: Names = None) -> None:
    """Say where committed notebooks are not what they must be."""
    with _for_users():
        from custaudience.reports.notebooks import check_named

        faults = check_named(names)
        for file, fault in faults:
            typer.echo(f"{file}: {fault}")
        raise typer.Exit(1 if faults else 0)


def _ask(question: Question) -> str:
    """Ask one question on the terminal, its options by number."""
    _clear_line()
    typer.echo(f"\n{question.text}" + (f"\n  {question.evidence}" if question.evidence else ""))
    if not question.options:
        return str(typer.prompt("  answer", default=question.suggestion or None))
    for number, (value, meaning) in enumerate(question.options, start=1):
        typer.echo(f"  {number}  {value}: {meaning}")
    values = [value for value, _ in question.options]
    answer = ""
    while answer not in values:
        typed = str(typer.prompt(f"  1 to {len(values)}, or the word")).strip()
        answer = values[int(typed) - 1] if typed.isdecimal() and 0 < int(typed) <= len(values) else typed
    return answer


def _pairs(texts: list[str] | None, option: str = "-p") -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            example = "-p n_scores=4" if option == "-p" else '--answer "transactions.date_order=day"'
            raise ParameterError(f"{option} {text}: write it as name=value, for example {example}.")
        pairs[name.strip()] = value
    return pairs


@contextmanager
def _for_users() -> Iterator[None]:
    """Turn errors that a user can mend into one sentence and an exit code; end cleanly when told to."""
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _end) if in_main else None
    try:
        yield
    except CustaudienceError as error:
        _clear_line()
        typer.echo(f"custaudience: {error}", err=True)
        raise typer.Exit(getattr(error, "exit_code", 2)) from None
    finally:
        _clear_line()
        if in_main:
            signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def _clear_line() -> None:
    if _on_terminal():
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()


def _on_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _progress() -> Any:
    """Return a function that shows progress: a line that is overwritten on a terminal, else plain lines."""
    terminal = _on_terminal()

    def show(text: str, stays: bool) -> None:
        if terminal:
            sys.stderr.write(f"{_CLEAR}{text}" + ("\n" if stays else ""))
        elif stays:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    return show
