"""The bytes that a page loads before it can show a question: `python benchmarks/widget_size.py`.

Our widget as it is served (zopfli) and by `gzip -9`, and the hosted page, beside what SurveyJS, Typeform and Formbricks publish on npm for
the same purpose, each file compressed with gzip at level 9 as a web server would. Typeform's and Formbricks' scripts are loaders: they
fetch an application afterwards, which is not on npm for Typeform and is `@formbricks/surveys` for Formbricks. Without npm or a network
only our own sizes are printed. It fails where the widget is larger than docs/embed.md promises.
"""

import gzip
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from question_bank.files.load import read_bank
from survey_service.app import create_app
from survey_service.banks.publishing import publish
from survey_service.embed.assets import widget
from survey_service.settings import Settings
from survey_service.store.migrate import migrate
from survey_service.web.context import utc_now

EXAMPLE = Path(__file__).parents[1] / "question_bank" / "examples" / "car-buyers.yaml"
LARGEST = 6_000
"""Bytes of the compressed widget that docs/embed.md promises."""
PUBLISHED = {
    "SurveyJS": {
        "survey-core@2.5.38": ("survey.core.min.js", "survey-core.min.css"),
        "survey-js-ui@2.5.38": ("survey-js-ui.min.js",),
    },
    "Typeform, loader": {"@typeform/embed": ("build/embed.js",)},
    "Formbricks, loader": {"@formbricks/js": ("dist/index.js",)},
    "Formbricks, application": {"@formbricks/surveys": ("dist/index.umd.js",)},
}


def zipped(content: bytes) -> int:
    return len(gzip.compress(content, 9))


def hosted_page() -> bytes:
    """Return the first question of the example as a browser without JavaScript gets it."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(f"sqlite:///{folder}/discern.db", ("a key for measuring that is long enough",)))
        store = app.extensions["discern"].store
        migrate(store.engine)
        with store.writing() as session:
            publish(session, read_bank(EXAMPLE.read_text()), utc_now())
        page = app.test_client().get("/s/website?lang=en").data
        store.close()
    return page


def published(package: str, files: tuple[str, ...]) -> tuple[str, int]:
    """Return the version and the bytes of the files that the package has. Raises OSError, CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--json", "--pack-destination", folder, package]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
        packed = json.loads(done.stdout)
        [about] = packed.values() if isinstance(packed, dict) else packed
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            found = [archive.extractfile(f"package/{name}") for name in files if f"package/{name}" in archive.getnames()]
            if not found:
                raise OSError(f"has none of {', '.join(files)}")
            return f"{about['name']} {about['version']}", sum(zipped(file.read()) for file in found if file)


def main() -> None:
    ours, by_gzip = len(widget().gzipped), zipped(widget().plain)
    print(f"{'':<26}{'bytes, gzip':>12}{'times ours':>12}")
    print(f"{'Discern, widget':<26}{ours:>12,}{1:>12.1f}")
    print(f"{'Discern, widget, gzip -9':<26}{by_gzip:>12,}")
    print(f"{'Discern, hosted page':<26}{zipped(hosted_page()):>12,}")
    if ours > LARGEST:
        raise SystemExit(f"The widget has {ours:,} bytes, and docs/embed.md promises {LARGEST:,}.")
    if shutil.which("npm") is None:
        print("npm is not installed: the others are not measured.")
        return
    for name, packages in PUBLISHED.items():
        try:
            measured = [published(package, files) for package, files in packages.items()]
        except (OSError, subprocess.SubprocessError, ValueError) as problem:
            print(f"{name:<26}{'not measured':>12}  ({str(problem).splitlines()[0][:90]})")
            continue
        size = sum(bytes_ for _, bytes_ in measured)
        print(f"{name:<26}{size:>12,}{size / ours:>12.1f}  {', '.join(version for version, _ in measured)}")


if __name__ == "__main__":
    main()
