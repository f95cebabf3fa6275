"""A headless Chromium, driven over its debugging pipe: opens pages from disk, says what they did, and looks at them.

    with browser.Browser() as b:
        page = b.open(path, width=390)
        page.problems()            # console errors, exceptions, requests to anywhere: []
        page.evaluate("document.title")
"""
import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-color-profile=srgb")


def program():
    """The browser's path, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One process with a profile of its own, gone at the end."""

    def __init__(self, seconds=300):
        self.seconds = seconds
        self.at_exit = contextlib.ExitStack()
        self.folder = self.at_exit.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self.last_id, self.received, self.events, self.page = 0, b"", [], None

    def __enter__(self):
        to_it, self.out = os.pipe()
        self.into, from_it = os.pipe()

        def arrange():  # the browser reads commands from 3 and writes answers to 4
            high = os.dup(to_it), os.dup(from_it)
            spare = [os.dup(fd) if fd in (3, 4) else fd for fd in high]
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        self.process = subprocess.Popen(
            [program(), *OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={self.folder}"], close_fds=False,
            preexec_fn=arrange, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, HOME=self.folder), start_new_session=True)
        os.close(to_it)
        os.close(from_it)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, RuntimeError):
            self.call("Browser.close")
        os.close(self.out)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.into)
        self.at_exit.close()

    def message(self, end):
        """The next message of the browser."""
        while b"\0" not in self.received:
            ready, _, _ = select.select([self.into], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.into, 1 << 20) if ready else b""
            if not chunk:
                raise RuntimeError("the browser does not answer")
            self.received += chunk
        one, _, self.received = self.received.partition(b"\0")
        return json.loads(one)

    def call(self, method, session=None, **params):
        self.last_id += 1
        request = {"id": self.last_id, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        os.write(self.out, json.dumps(request).encode() + b"\0")
        end = time.monotonic() + self.seconds
        while True:
            answer = self.message(end)
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width=1280, height=900, scheme="light"):
        """One page at a time: the one before is closed."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        if self.page:
            self.call("Target.closeTarget", targetId=self.page.target)
        self.events = []
        self.page = Page(self, target, path, width, height, scheme)
        return self.page


class Page:
    def __init__(self, browser, target, path, width, height, scheme):
        self.browser, self.target, self.path, self.scheme = browser, target, pathlib.Path(path), scheme
        self.url = self.path.resolve().as_uri()
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.resize(width, height)
        before = len(self.events())
        self.call("Page.navigate", url=self.url)
        end = time.monotonic() + browser.seconds
        while not any(e["method"] == "Page.loadEventFired" for e in self.events()[before:]):
            browser.events.append(browser.message(end))
        self.settle()

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def events(self):
        return [e for e in self.browser.events if e.get("sessionId") == self.session]

    def settle(self):
        """Two frames: layout and drawing that were asked for are done."""
        self.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def resize(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.settle()

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def problems(self):
        """What a page should not do: errors and warnings in the console, exceptions, requests but for itself."""
        self.settle()
        found = []
        for e in self.events():
            p = e["params"]
            if e["method"] == "Runtime.exceptionThrown":
                found.append(p["exceptionDetails"].get("exception", {}).get("description", p["exceptionDetails"]["text"]))
            elif e["method"] == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning", "assert"):
                found.append(f"console {p['type']}: {[a.get('value') for a in p['args']]}")
            elif e["method"] == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
                found.append(f"log: {p['entry']['text']}")
            elif e["method"] == "Network.requestWillBeSent" and p["request"]["url"].split("#")[0] != self.url:
                found.append(f"a request to {p['request']['url'][:200]}")
        return found

    def overflow(self):
        """By how many pixels the page is wider than its window."""
        return self.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def charts(self):
        """Of each canvas: whether something is drawn on it, its size and its text alternative."""
        return self.evaluate("""[...document.querySelectorAll('canvas')].map(c => {
            const copy = document.createElement('canvas');
            copy.width = c.width, copy.height = c.height;
            const on = copy.getContext('2d', {willReadFrequently: true});
            on.drawImage(c, 0, 0);
            const seen = new Set(), d = on.getImageData(0, 0, c.width, c.height).data;
            for (let i = 0; i < d.length; i += 4) if (d[i + 3]) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
            return {id: c.id, width: c.width, height: c.height, colours: seen.size, label: c.getAttribute('aria-label')};
        })""")

    def press(self, key):
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("rawKeyDown", "char", "keyUp") if key == "Enter" else ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key],
                      **({"text": "\r"} if kind == "char" else {}))

    def paper(self, width):
        """As it is laid out on paper of so many pixels across."""
        self.resize(width)
        self.call("Emulation.setEmulatedMedia", media="print")
        self.evaluate("dispatchEvent(new Event('beforeprint'))")
        self.settle()

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def screenshot(self, path, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))
