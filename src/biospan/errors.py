"""The errors a caller can cause, each with the exit code the command line returns for it.

Messages say what, where, got, and expected or how to mend it. A bug of ours is no
`BiospanError`: it propagates as it is. The exit codes of the command line, from sysexits.h
where it has one:

    0    done
    1    a bug of ours
    2    wrong usage of the command line
    3    done, but some documents were rejected
    65   input data that is not what it claims to be
    66   an input that is not there
    69   a model that cannot be used, or an optional package that is not installed
    73   an output that cannot be created
    74   an error of the operating system or the network while reading or writing
    75   a folder in which another process is at work
    78   a recipe or option with unknown keys or bad values
    130  interrupted (SIGINT); 143 where a shell reports an end by SIGTERM
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

MAX_LISTED_PROBLEMS = 20


class BiospanError(Exception):
    """Base of every error that Biospan raises on purpose."""

    exit_code = 1


class SomeRejectedError(BiospanError):
    """A run that finished, but some documents could not be tagged."""

    exit_code = 3


class InputError(BiospanError):
    """Data that cannot be read as what it claims to be."""

    exit_code = 65

    @classmethod
    def from_problems(cls, problems: Sequence[str]) -> "InputError":
        """Join what is wrong with one input, the first 20 problems in full."""
        listed = list(problems[:MAX_LISTED_PROBLEMS])
        if len(problems) > MAX_LISTED_PROBLEMS:
            listed.append(f"... and {len(problems) - MAX_LISTED_PROBLEMS} more")
        return cls("\n".join(listed))


class MissingInputError(BiospanError):
    """A file, folder or corpus that is not there."""

    exit_code = 66


class DownloadError(BiospanError, OSError):
    """Something that could not be fetched."""

    exit_code = 74


class ModelError(BiospanError):
    """A model directory that is incomplete, damaged or not to be trusted."""

    exit_code = 69


class OutputError(BiospanError):
    """An output that cannot be created."""

    exit_code = 73


class StoppedError(BiospanError):
    """A run that was told to stop, wrote where it is, and can be gone on with."""

    exit_code = 143


class LockedError(BiospanError):
    """A folder in which another process is at work."""

    exit_code = 75


class ConfigError(BiospanError):
    """A recipe or option with unknown keys or bad values."""

    exit_code = 78


class MissingDependencyError(BiospanError):
    """An optional package that is not installed; `extra` is the extra it belongs to, if any."""

    exit_code = 69

    def __init__(self, package: str, extra: str | None = None) -> None:
        wanted = f"'biospan[{extra}]'" if extra else package
        super().__init__(
            f"`{package}` is needed for this and is not installed: pip install {wanted}"
        )
        self._arguments = (package, extra)

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is made again from `args`, which holds the message only.
        return type(self), self._arguments, self.__dict__


def nearest(got: str, known: Iterable[str]) -> str:
    """The hint for an unknown name, a sentence: the known name most like it, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(got, names, n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(names)}."
