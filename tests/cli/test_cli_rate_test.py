"""`biospan rate-test`: one number on standard output, the curve in files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import Outcome

RunCli = Callable[..., Outcome]


def test_it_prints_a_rate_and_leaves_the_curve(
    run_cli: RunCli, tiny_recipe: dict[str, Any], tmp_path: Path
) -> None:
    recipe = tmp_path / "r.toml"
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in tiny_recipe.items())
    recipe.write_text("".join(lines))
    options = ("--low", "1e-5", "--high", "1e-2", "--steps", "40")
    done = run_cli("rate-test", recipe, "-o", tmp_path / "out", *options)
    assert done.code == 0
    assert 1e-6 <= float(done.out) <= 1e-3
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"rates.tsv", "rates.png"}
    assert "did not explode up to 0.01" in done.err
    assert "step 40/40 rate 1.0e-02 loss " in done.err

    backwards = run_cli("rate-test", recipe, "--low", "1", "--high", "0.1")
    assert backwards.code == 78
    assert "expected two rising numbers" in backwards.err
