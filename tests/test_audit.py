"""The audit names every installed package and file that differs from the lock, and says whether the vulnerability index was reachable."""

import base64
import hashlib
import importlib.util
import json
import sys
from importlib.metadata import Distribution, distribution

import pytest

from tests.processes import ROOT

LOCK = """# made by a machine
flask==3.1.3 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via discern-survey
Typing_Extensions==4.1 \\
    --hash=sha256:cc
"""


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / "requirements" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["audit"]


def test_a_lock_is_read_by_any_spelling_and_without_a_hash_not_at_all(audit):
    assert audit.locked(LOCK) == {"flask": "3.1.3", "typing-extensions": "4.1"}
    with pytest.raises(ValueError, match="jinja2 has no hash"):
        audit.locked(LOCK + "jinja2==3\n")


def test_installed_packages_equal_the_lock(audit):
    """Covers the packages that serve; `make audit` checks all packages with all their files."""
    wanted = audit.locked((ROOT / "requirements" / "run.txt").read_text())

    assert len(wanted) > 20
    assert list(audit.differences(wanted, {name: distribution(name).version for name in wanted})) == []
    assert list(audit.altered(distribution("flask"))) == []


def test_a_package_that_is_not_the_locked_one_is_named(audit):
    """Named are another version, an unlocked package and a missing one, but not our own package."""
    present = {"flask": "3.1.2", "evil": "1.0", "pip": "23", "discern-survey": "0.1.0"}

    assert [problem.split(" ")[0] for problem in audit.differences(audit.locked(LOCK), present)] == ["evil", "flask", "typing-extensions"]


class Installed(Distribution):
    """One of three files was changed and one is missing."""

    def __init__(self, folder):
        self.folder = folder
        good = base64.urlsafe_b64encode(hashlib.sha256(b"good").digest()).rstrip(b"=").decode()
        for name, content in (("same.py", b"good"), ("changed.py", b"evil")):
            (folder / name).write_bytes(content)
        self.record = "".join(f"{name},sha256={good},4\n" for name in ("same.py", "changed.py", "gone.py")) + "made.pyc,,\n"

    def read_text(self, filename):
        return {"RECORD": self.record, "METADATA": "Name: some\nVersion: 1\n"}.get(filename)

    def locate_file(self, path):
        return self.folder / path


def test_a_file_that_is_not_as_it_was_installed_is_named(audit, tmp_path):
    assert list(audit.altered(Installed(tmp_path))) == ["some: changed.py has been changed", "some: gone.py is missing"]


@pytest.mark.parametrize(
    ("printed", "says", "fails"),
    [
        ("", "the index cannot be reached", False),
        ("not json", "the index cannot be reached", False),
        (json.dumps({"dependencies": [{"name": "flask", "skip_reason": "not found"}]}), "has none", False),
        (json.dumps({"dependencies": [{"name": "flask", "version": "3", "vulns": []}]}), "1 packages asked for, 0 weaknesses", False),
        (
            json.dumps({"dependencies": [{"name": "flask", "version": "3", "vulns": [{"id": "CVE-1", "fix_versions": ["3.1"]}]}]}),
            "flask 3: CVE-1, mended in 3.1",
            True,
        ),
    ],
)
def test_the_audit_fails_on_known_vulnerabilities_and_reports_an_unreachable_index(audit, printed, says, fails):
    """No network is not a failure, and an index that knows nothing is not reported as a pass."""
    advice = audit.advice_of(printed)

    assert says in "\n".join(audit.report(advice))
    assert bool(advice and advice.weaknesses) is fails
