"""The layout of the code, read from its imports: packages import only what is below them, and files stay within their bounds."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from benchmarks.house import PACKAGES, ROOT, SHORT, House, circles

ORDER = [
    "survey_service.cli",
    "survey_service.worker",
    "survey_service.app",
    "survey_service.posters",
    "survey_service.console",
    "survey_service.preview",
    "survey_service.inbound",
    "survey_service.email_links",
    "survey_service.hosted",
    "survey_service.demo",
    "survey_service.respondent",
    "survey_service.crm",
    "survey_service.crm.adapters",
    "survey_service.webhooks",
    "survey_service.server",
    "survey_service.ops",
    "survey_service.stages",
    "survey_service.figures",
    "survey_service.reviews",
    "survey_service.contacts",
    "survey_service.attribution",
    "survey_service.banks",
    "survey_service.analysis.reports",
    "survey_service.analysis",
    "survey_service.outbox",
    "survey_service.embed",
    "survey_service.links",
    "survey_service.belief",
    "survey_service.web",
    "survey_service.store",
    "survey_service.store.tables",
    "survey_service.egress",
    "survey_service.settings",
    "survey_service.crypto",
    "survey_service.clock",
    "survey_service.errors",
    "question_bank.starters",
    "question_bank.imports",
    "question_bank.datasets",
    "question_bank.exports",
    "question_bank.files",
    "question_bank",
    "adaptive.evaluation",
    "adaptive.estimation",
    "adaptive.lookalike",
    "adaptive.learning",
    "adaptive",
]
"""Every package from top to bottom. A package imports only packages below it; a new package must be added here."""

MAY_IMPORT = {
    "adaptive": {"adaptive", "numpy", "scipy"},  # and scikit-learn where FITS_WITH_SCIKIT_LEARN says
    "question_bank": {"question_bank", "adaptive", "numpy", "scipy", "marshmallow", "yaml", "babel", "langcodes"},
}
WEB = {"flask", "flask_smorest", "werkzeug", "webargs"}
KNOWS_THE_WEB = (
    *("routes.py", "events_routes.py", "pages.py", "forms.py", "health.py", "metrics.py", "app.py", "gunicorn_app.py"),
    *("access.py", "begin_pages.py", "contact_pages.py", "editor_pages.py", "figures_pages.py", "people_pages.py"),
    *("api.py", "api_keys.py", "context.py", "cors.py", "docs.py", "error_pages.py", "middleware.py", "rate_limit_guard.py"),
)
FITS_WITH_SCIKIT_LEARN = "adaptive/lookalike/regression.py"
"""The only file that imports scikit-learn, and only inside the functions that fit: scoring never loads it."""
READS_THE_ENVIRONMENT = ("survey_service/cli/terminal.py", "survey_service/demo/run.py")


@pytest.fixture(scope="module")
def house() -> House:
    return House()


@cache
def imports(path: Path) -> frozenset[str]:
    """Return every module that a file imports, inside functions too."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports hide the direction"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_package_is_listed(house):
    """The list of packages is complete and names none that was removed."""
    assert sorted(ORDER) == house.rooms


def test_imports_lead_downwards(house):
    """A package imports only packages below it."""
    assert house.upward(ORDER) == []


def test_no_circular_imports(house):
    """No modules and no packages import one another in a circle."""
    assert circles(house.imports) == []
    assert circles(house.room_imports) == []


def test_circles_are_found():
    """The search for circles finds one of any length."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]


def test_packages_and_files_stay_within_their_bounds(house):
    """The numbers of packages, loose modules, files per folder and very short files are bounded. A new package raises its bound on
    purpose.
    """
    lines = list(house.line_counts().values())

    assert len(house.rooms) <= 47
    assert len(house.loose_modules()) <= 6
    assert max(house.folder_sizes().values()) <= 15
    assert sum(count < SHORT for count in lines) <= 45
    assert 90 <= median(lines) <= 150
    assert max(lines) <= 400
    assert len(house.gerunds()) <= 8


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_lower_packages_import_no_higher_ones(package):
    """adaptive and question_bank import neither the web nor the database."""
    for path in sorted((ROOT / package).rglob("*.py")):
        allowed = MAY_IMPORT[package] | ({"sklearn", "threadpoolctl"} if str(path.relative_to(ROOT)) == FITS_WITH_SCIKIT_LEARN else set())
        foreign = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - allowed
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def test_scoring_does_not_load_scikit_learn():
    """It is imported inside the functions that fit, never with their module."""
    tree = ast.parse((ROOT / FITS_WITH_SCIKIT_LEARN).read_text())
    at_import = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    inside = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node not in at_import]

    assert not any(str(node.module).startswith("sklearn") for node in at_import if isinstance(node, ast.ImportFrom))
    assert any(str(node.module).startswith("sklearn") for node in inside)


def test_only_app_imports_routes_of_other_packages(house):
    """Packages meet in the database and in app.py, not in each other's URLs."""
    for module, imported in house.imports.items():
        if module == "survey_service.app":
            continue
        foreign = {
            other for other in imported if other.rpartition(".")[2] in ("routes", "pages") and house.room(other) != house.room(module)
        }
        assert foreign <= ALLOWED_ROUTES.get(module, set()), f"{module} imports {sorted(foreign)}"


ALLOWED_ROUTES = {
    "survey_service.console.pages": {"survey_service.embed.routes"},  # the console serves its files in the same way
    "survey_service.demo.routes": {"survey_service.embed.routes"},  # the shop serves the same files
}


def test_only_the_edge_knows_the_web_framework(house):
    """A use case is a function of plain values, so a route, a command or a test can call it."""
    for path in house.files.values():
        if path.name not in KNOWS_THE_WEB:
            web = {name.split(".")[0] for name in imports(path)} & WEB
            assert not web, f"{path.relative_to(ROOT)} imports {sorted(web)}"


def test_only_commands_read_the_environment(house):
    """Settings are read in one place."""
    for path in house.files.values():
        if str(path.relative_to(ROOT)) in READS_THE_ENVIRONMENT:
            continue
        assert not {"os.environ", "os.getenv"} & imports(path), path
        text = path.read_text().replace("environment", "").replace("request.environ", "")
        assert "environ" not in text, f"{path.relative_to(ROOT)} reads the environment"


def test_nothing_starts_at_import():
    """Importing the application opens no database and starts no thread."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.parse(path.read_text()).body:
                called = (
                    [call.func for call in ast.walk(node) if isinstance(call, ast.Call)] if isinstance(node, ast.Expr | ast.Assign) else []
                )
                names = {func.id for func in called if isinstance(func, ast.Name)} | {
                    func.attr for func in called if isinstance(func, ast.Attribute)
                }
                assert not names & {"create_app", "create_engine", "open_engine", "Store", "Thread", "connect", "open"}, path
