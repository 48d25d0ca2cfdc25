"""Errors that processes can send to each other."""

import pickle

import pytest

from biospan.errors import ConfigError, DownloadError, MissingDependencyError


@pytest.mark.parametrize(
    "error",
    [
        MissingDependencyError("openvino", "openvino"),
        MissingDependencyError("pandas"),
        ConfigError("`epochs` is 0"),
        DownloadError("no network"),
    ],
)
def test_an_error_is_the_same_after_a_pipe(error: Exception) -> None:
    error.add_note("in trial 3")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__notes__ == ["in trial 3"]
