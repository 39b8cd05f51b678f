"""Trains every design and loss of bench/designs under one budget and measures them together: `python bench/designs.py`.

The table in docs/default_generator.md comes from here. What is trained is not trained again. Each training has one
thread, so that its processor time is its cost.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

RECIPES = Path(__file__).parent / "designs"
RUNS = Path("runs/designs")
BANDS = "B2,B3,B4,B5,B6,B7,B8,B8A,B11,B12"
MEASURED = {"one_date": ("--dates", "0"), "dates": ("--dates", "3")}


def run(*words: str) -> float:
    """Runs the program and gives the processor time it took in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "unclouded.backend", *words], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Trains what is missing, then writes the reports into RUNS."""
    models = []
    for recipe in sorted(RECIPES.glob("*.yaml")):
        model = RUNS / f"{recipe.stem}.safetensors"
        models += ["--model", str(model)]
        if not model.exists():
            seconds = run("train", str(recipe), "--out", str(RUNS / recipe.stem), "-o", str(model), "--workers", "0")
            print(f"{recipe.stem}: {seconds:.0f} s of processor time")
    for name, dates in MEASURED.items():
        report = str(RUNS / f"{name}.html")
        run("evaluate", *models, "--bands", BANDS, "--no-sar", *dates, "--each", "2", "--report", report, "--overwrite")


if __name__ == "__main__":
    main()
