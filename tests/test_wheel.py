"""The wheel that `make dist` builds has everything that the service needs: nothing of the clone is read."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.processes import ROOT, environment

PACKAGES = ("adaptive", "question_bank", "survey_service")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """The files of the wheel, in a folder of their own."""
    dist, folder = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", dist, ROOT]
    subprocess.run(command, check=True, timeout=120)
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder)
    return folder


def test_an_installed_wheel_migrates_publishes_and_shows(unpacked, tmp_path):
    """With a starter bank, on a database of its own, in a folder outside of the clone."""
    place = {**environment(f"sqlite:///{tmp_path}/discern.db"), "PYTHONPATH": str(unpacked)}

    def discern(*arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "survey_service.cli.main", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=place, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed = [sys.executable, "-P", "-c", "import survey_service; print(survey_service.__file__)"]
    where = subprocess.run(printed, cwd=tmp_path, env=place, capture_output=True, text=True, check=True)
    assert where.stdout.startswith(str(unpacked))
    discern("migrate")
    assert discern("new", "shop.yaml", "--starter", "retail") == "shop.yaml\n"
    assert discern("publish", "shop.yaml") == "shop version 1\n"
    assert "retail-website shop version 1 active" in discern("survey", "list")


def test_the_wheel_has_what_browsers_get(unpacked):
    """Templates, style sheets, scripts, fonts, translations and migrations are there; tests and benchmarks are not."""
    files = {str(file.relative_to(unpacked)) for file in unpacked.rglob("*") if file.is_file()}
    ours = [file for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert {str(file.relative_to(ROOT)) for file in ours} <= files
    assert any(name.startswith("survey_service/migrations/versions/") for name in files)
    assert not [name for name in files if name.startswith(("tests/", "benchmarks/"))]
