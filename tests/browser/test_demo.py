"""The demo of `make run`: answering changes the belief and sends signed messages."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.processes import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def used_port() -> Iterator[int]:
    """A port on which another process listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@contextmanager
def running_demo(folder: Path) -> Iterator[str]:
    """Run the demo in a folder, and return its address."""
    with demo_process(folder, free_port()) as (_, address, _):
        yield address


@contextmanager
def demo_process(folder: Path, port: int) -> Iterator[tuple["subprocess.Popen[str]", str, list[str]]]:
    """Run the demo as a process of its own. Return the process, its address and its first lines."""
    command = [sys.executable, "-c", f"from survey_service.demo.run import run; run({port})"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        lines = []
        try:
            for line in process.stdout:
                lines.append(line)
                if match := re.search(r"http://\S+/demo", line):
                    break
            else:
                pytest.fail("".join(lines))
            yield process, match.group(), lines
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=40)


@pytest.fixture
def demo(tmp_path, used_port) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The demo on another port than the one that is taken."""
    with demo_process(tmp_path, used_port) as (process, address, lines):
        assert f"Port {used_port} is taken" in lines[0]
        yield process, address


def test_the_belief_moves_and_a_signed_message_arrives(demo, new_page, tmp_path):
    """Somebody answers until the survey stops; then all processes end, and their secrets were readable by the user only."""
    process, address = demo
    page = new_page()
    page.goto(f"{address}?lang=en")
    shares = page.locator("#belief b")
    expect(shares).to_have_text(["40%", "28%", "26%", "6%"])
    survey = page.locator("persona-survey")

    for number in range(1, 6):
        expect(survey.get_by_text(f"Question {number} of at most")).to_be_visible()
        survey.locator("input").last.check()
        survey.get_by_role("button", name="Continue").click()
        expect(page.locator("#answers li")).to_have_count(number)
        if survey.get_by_role("button").count() == 0:
            break
        if number == 1:  # the answers stay while the language changes
            page.get_by_role("link", name="Français").click()
            expect(survey.get_by_text("Question 2 sur")).to_be_visible()
            expect(page.locator("#headline")).to_have_text(re.compile("Sûr à .+ après 1 des 13 questions"))
            page.get_by_role("link", name="English").click()
    expect(survey.get_by_text("Thank you.")).to_be_visible()
    expect(page.locator("#headline")).to_have_text(re.compile(rf"Done after {number} of 13 questions: \d+% sure\."))

    expect(shares).not_to_have_text(["40%", "28%", "26%", "6%"])
    expect(page.locator("#answers li").first).to_contain_text(
        re.compile(r"times likelier from .+ than from others \(\+\d|speaks a little for|tells nothing")
    )
    completed = page.locator("#hooks li", has_text="survey.response.completed")
    expect(completed).to_contain_text("✓ signature verified")
    page.locator("#messages > summary").click()
    completed.locator("summary").click()
    expect(completed.locator("pre")).to_contain_text('"order": "AM-20417"')
    expect(page.locator("#hooks .bad")).to_have_count(0)

    secrets = [tmp_path / "var" / name for name in ("demo-secret-key", "demo-webhook-secret")]
    assert {file.stat().st_mode & 0o777 for file in secrets} == {0o600}
    page.context.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    port = int(address.split(":")[2].split("/")[0])
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0


def test_if_a_process_of_the_demo_dies_the_others_are_stopped(demo, tmp_path):
    """The output names the process that ended."""
    process, _ = demo
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not list the children of a process")
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.read_text().split()}
    receiver = next(pid for pid, command in commands.items() if b"demo.receiver" in command)
    os.kill(receiver, signal.SIGKILL)

    assert process.wait(40) == 1
    assert "The receiver has ended; stopping the rest." in process.stdout.read()
    assert not any(Path(f"/proc/{pid}").exists() for pid in commands)
