"""Where words go: results to stdout, everything else to stderr, in the reader's language.

Importing this module is cheap: ``wenju --help`` must answer at once.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from rag.messages import message

if TYPE_CHECKING:
    from rich.console import Console

OK = 0
ERROR = 1
USAGE = 2
SOME_FAILED = 3
REFUSED = 4
GATE_CLOSED = 5
INTERRUPTED = 130
PIPE_CLOSED = 141

P = ParamSpec("P")
R = TypeVar("R")

_language = "en"


def environment_language(environ: Mapping[str, str]) -> str:
    """ "zh" or "en": WENJU_LANGUAGE, else the first of LC_ALL, LC_MESSAGES, LANG that is set."""
    chosen = environ.get("WENJU_LANGUAGE", "").lower()
    if chosen in ("zh", "en"):
        return chosen
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(name):
            return "zh" if environ[name].lower().startswith("zh") else "en"
    return "en"


def set_language(language: str) -> None:
    global _language
    _language = language


def language() -> str:
    return _language


def text(code: str, /, **params: object) -> str:
    return message(code, _language, {key: str(value) for key, value in params.items()})


def console(*, stderr: bool = True) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 200  # a pipe has no width: rows stay whole
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def say(line: str = "") -> None:
    """One line for a person, to stderr."""
    print(line, file=sys.stderr, flush=True)


def note(line: str) -> None:
    say(text("cli.note", text=line))


def emit(record: Mapping[str, Any]) -> None:
    """One JSON line to stdout, written at once: a reader of the pipe sees each as it happens."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def printable(words: str) -> str:
    """``words`` without control characters: no file name or document may steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in words)


class Exit(Exception):
    """Ends a command with an exit code; the reason has been said."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


def usage_error(line: str) -> Exit:
    say(text("cli.error", text=line))
    return Exit(USAGE)


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turns what a command raises into one clear line and an exit code. A defect keeps its traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        import typer

        from rag.errors import WenjuError

        try:
            result = command(*args, **kwargs)
            sys.stdout.flush()
            return result
        except Exit as exit_:
            raise typer.Exit(exit_.code) from None
        except WenjuError as error:
            say(text("cli.error", text=error.localized(_language)))
            raise typer.Exit(ERROR) from None
        except KeyboardInterrupt:
            say("\n" + text("cli.interrupted"))
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # `wenju ... | head`: nobody listens any more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None

    return run
