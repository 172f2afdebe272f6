"""Chromium without a window, driven through a pipe by the DevTools protocol: one start for many pages.

https://chromedevtools.github.io/devtools-protocol/. Messages are JSON, each ended by a zero byte.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
_SECONDS = 120


@dataclass
class Page:
    """A page in the browser, with all that happened while it was there."""

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    """The addresses that it asked for, besides its own."""
    dialogs: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """All that its policy refused, in the words of the browser."""

    def call(self, method: str, **parameters: Any) -> Any:
        return self.browser.call(method, self.session, **parameters)

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page, whatever its policy says."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Presses and releases a key that types nothing, by its name and its number on Windows."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Changes the size of the window, and the colours that the reader prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, *, whole: bool = True) -> bytes:
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def pdf(self) -> bytes:
        answer = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        return base64.b64decode(answer["data"])


class Browser:
    """A running Chromium."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, answers: int) -> None:
        self.process, self._to, self._answers = process, to, answers
        self._rest = b""
        self._ids = itertools.count(1)
        self._pages: dict[str, Page] = {}
        self._loaded: set[str] = set()
        self._urls: dict[str, str] = {}

    def open(
        self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False, has_policy: bool = True
    ) -> Page:
        """Opens a page, and waits until it is loaded.

        Args:
            url: Its address.
            width: The width of the window.
            height: Its height.
            dark: True if the reader prefers dark colours.
            has_policy: False to ignore the content security policy of the page.
        """
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.look(width=width, height=height, dark=dark)
        page.call("Page.setBypassCSP", enabled=not has_policy)
        self._loaded.discard(session)
        page.call("Page.navigate", url=url)
        deadline = time.monotonic() + _SECONDS
        while session not in self._loaded:
            self._take(deadline)
        page.value("1")  # all that the page did until now has been reported
        page.requests = [each for each in page.requests if each != url]
        return page

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """Calls a method, and waits for its answer."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _SECONDS
        while True:
            answer = self._take(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _take(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser has ended"
            self._rest += piece
        first, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        page = self._pages.get(message.get("sessionId", ""))
        parameters = message.get("params", {})
        if page is None:
            return
        match message.get("method"):
            case "Network.requestWillBeSent" if not parameters["request"]["url"].startswith("data:"):
                page.requests.append(parameters["request"]["url"])
                self._urls[parameters["requestId"]] = parameters["request"]["url"]
            case "Network.loadingFailed" if parameters.get("blockedReason"):  # it never left the browser
                page.requests.remove(self._urls[parameters["requestId"]])
                page.refused.append(self._urls[parameters["requestId"]])
            case "Page.javascriptDialogOpening":
                page.dialogs.append(parameters["message"])
                number = next(self._ids)
                closing = {"id": number, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                os.write(self._to, json.dumps({**closing, "sessionId": page.session}).encode() + b"\0")
            case "Log.entryAdded" if parameters["entry"]["source"] == "security":
                page.refused.append(parameters["entry"]["text"])
            case "Page.loadEventFired":
                self._loaded.add(page.session)


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """A browser with a profile of its own, ended at the end."""
    with tempfile.TemporaryDirectory(prefix="bundler-browser-", ignore_cleanup_errors=True) as profile:
        to_read, to = os.pipe()
        answers, answers_to = os.pipe()
        command = ["chromium", *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{answers_to}', "bash", *command],
            pass_fds=(to_read, answers_to),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
            cwd=Path(profile),
        )
        os.close(to_read)
        os.close(answers_to)
        try:
            browser = Browser(process, to, answers)
            yield browser
            with contextlib.suppress(AssertionError, OSError):
                browser.call("Browser.close")
        finally:
            os.close(to)
            os.close(answers)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
