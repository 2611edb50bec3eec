"""`python -m allauth_2fa demo` serves the demo site, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from allauth_2fa.__main__ import main
from tests.contracts.processes import ROOT, _given_path

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.same_everywhere, pytest.mark.timeout(240)]


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.fixture
def served(tmp_path):
    """The served demo: its address, and the folder in which it makes its own."""
    port = a_free_port()
    # The settings of a project in which somebody tries it do not count.
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "of.another",
        "PYTHONPATH": os.pathsep.join(_given_path()),
    }
    command = [sys.executable, "-m", "allauth_2fa", "demo", "--port", str(port)]
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)  # noqa: S603 - our own
    yield f"http://localhost:{port}", tmp_path, process, log
    process.kill()
    process.wait()


def read(address: str, process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the page, once the site is there."""
    while process.poll() is None:
        try:
            with urlopen(address, timeout=30) as page:  # noqa: S310 - our own process
                return page.read().decode()
        except URLError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


def test_it_serves_the_demo_from_a_folder_that_goes_with_it(served):
    url, folder, process, log = served
    assert "member" in read(f"{url}/", process, log)
    login = read(f"{url}/accounts/login/", process, log)
    (style,) = re.findall(r'<link rel="stylesheet" href="(/static/[^"]+\.css)"', login)[:1]
    assert read(url + style, process, log)
    assert list(folder.glob("allauth-2fa-demo-*/demo.sqlite3"))
    process.terminate()
    assert process.wait(30) == 0
    assert not list(folder.glob("allauth-2fa-demo-*"))


def test_without_a_command_it_says_what_there_is(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "serve the demo site on localhost" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
