"""The direction of the imports, read from the imports themselves."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OWN = ("adaptive", "question_bank", "survey_service")
ALLOWED = {
    "adaptive": {"adaptive", "numpy", "scipy"},
    "question_bank": {"question_bank", "adaptive", "numpy", "scipy", "marshmallow", "yaml"},
}
SPEAKS_HTTP = (
    *("routes.py", "pages.py", "origins.py", "guard.py", "forms.py"),
    *("http.py", "app.py", "parts.py", "health.py", "serving.py", "metrics.py", "headers.py", "request_ids.py"),
)
JOINS_EVERYTHING = ("app.py", "cli.py", "demo.py")


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports hide the direction"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_lower_package_imports_only_what_it_may(package):
    """adaptive <- question_bank <- survey_service, and no web or database below."""
    for path in sources(package):
        foreign = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - ALLOWED[package]
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def test_no_slice_imports_the_routes_of_another():
    """Slices meet in the database and in app.py, not in each other's URLs."""
    for path in sources("survey_service"):
        if path.name in JOINS_EVERYTHING:
            continue
        slice_of = path.relative_to(ROOT / "survey_service").parts[0]
        routes = {name for name in imports(path) if name.startswith("survey_service.") and name.split(".")[2:3] in (["routes"], ["pages"])}
        strange = {name for name in routes if name.split(".")[1] != slice_of}
        assert not strange, f"{path.relative_to(ROOT)} imports {sorted(strange)}"


def test_only_the_edge_knows_the_web_framework():
    """A use case is a function of plain values: it can be called by a route, a command or a test alike."""
    for path in sources("survey_service"):
        if path.name in SPEAKS_HTTP:
            continue
        web = {name.split(".")[0] for name in imports(path)} & {"flask", "flask_smorest", "werkzeug", "webargs"}
        assert not web, f"{path.relative_to(ROOT)} imports {sorted(web)}"


def test_only_the_command_reads_the_environment():
    """Settings come in through one door."""
    for package in OWN:
        for path in sources(package):
            if path.name in ("terminal.py", "demo.py"):
                continue
            assert not {"os.environ", "os.getenv"} & set(imports(path)), path
            assert "environ" not in path.read_text().replace("environment", "").replace("request.environ", ""), (
                f"{path.relative_to(ROOT)} reads the environment"
            )


def test_nothing_starts_at_import():
    """Importing the application opens no database and starts no thread."""
    for package in OWN:
        for path in sources(package):
            for node in ast.parse(path.read_text()).body:
                called = (
                    [call.func for call in ast.walk(node) if isinstance(call, ast.Call)] if isinstance(node, ast.Expr | ast.Assign) else []
                )
                names = {func.id for func in called if isinstance(func, ast.Name)} | {
                    func.attr for func in called if isinstance(func, ast.Attribute)
                }
                assert not names & {"create_app", "create_engine", "open_engine", "Store", "Thread", "connect", "open"}, path
