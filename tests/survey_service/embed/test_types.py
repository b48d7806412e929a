"""The types of the element, checked by the TypeScript compiler."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from survey_service.embed import assets

EMBED = Path(assets.__file__).parent
DOCUMENT = EMBED.parents[1] / "docs" / "embed.md"
REACT = """
declare module "react" {
  export interface HTMLAttributes<T> { lang?: string; className?: string; children?: unknown; }
  export type DetailedHTMLProps<E, T> = E & { key?: string; ref?: (element: T | null) => void };
  namespace JSX { interface IntrinsicElements { a: { href?: string; children?: unknown } } }
}
declare namespace JSX {
  interface Element {}
  interface ElementChildrenAttribute { children: {} }
  interface IntrinsicElements { a: { href?: string; children?: unknown } }
}
"""
USE = """
import type { PersonaSurveyAttributes } from "./widget";
const survey = document.querySelector("persona-survey")!;
survey.addEventListener("surveyanswer", (event) => {
  const kind: "answer" | "skip" | "dont_know" | "refuse" = event.detail.kind;
  if (event.detail.question === "age" && kind === "answer") event.preventDefault();
});
document.addEventListener("surveycomplete", (event) => { const end: string = event.detail.status; });
const attributes: PersonaSurveyAttributes = { survey: "s", mode: "corner", "hidden-order": "A-7", "label-dont-know": "No idea" };
// what does not exist is refused: the compiler complains where one of these is no error
// @ts-expect-error
const sideways: PersonaSurveyAttributes = { survey: "s", mode: "sideways" };
// @ts-expect-error
const perhaps: PersonaSurveyAttributes = { survey: "s", "label-perhaps": "Perhaps" };
// @ts-expect-error
const nothing: PersonaSurveyAttributes = {};
// @ts-expect-error
document.addEventListener("surveycomplete", (event) => event.detail.belief);
// @ts-expect-error
survey.addEventListener("surveyanswer", (event) => event.detail.question === 7);
"""


@pytest.fixture
def compiled(tmp_path):
    """Return a function that compiles files strictly beside the types and returns the compiler's output. CI fails without a compiler."""
    program = shutil.which("tsc")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("tsc is not installed: apt-get install node-typescript")
    for name in ("widget.d.ts", "widget-react.d.ts"):
        shutil.copy(EMBED / name, tmp_path)
    (tmp_path / "react-stub.d.ts").write_text(REACT)

    def run(name: str, text: str, *others: str) -> str:
        (tmp_path / name).write_text(text)
        command = [program, "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--jsx", "preserve"]
        done = subprocess.run([*command, name, *others], cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.stdout

    return run


def test_events_and_attributes_are_typed(compiled):
    """Correct uses compile without React, and wrong attributes and events do not."""
    assert compiled("use.ts", USE) == ""


def test_the_react_example_of_the_documentation_compiles(compiled):
    """The example compiles, and a wrong attribute in it does not."""
    example = re.search(r"```tsx\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1]
    wrong = "\n// @ts-expect-error\nexport const wrong = <persona-survey survey={7} />;\n"
    assert compiled("example.tsx", example + wrong, "widget.d.ts", "widget-react.d.ts", "react-stub.d.ts") == ""
