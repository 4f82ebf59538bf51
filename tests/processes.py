"""Command lines → real processes, each for the price of a fork instead of an interpreter and its imports.

A `Zygote` is one helper process that has imported the command line and the heavy libraries once. For each
command line it forks a child, which runs `reconciler.cli.main` as the installed program does: in a session
of its own, with the environment, folder and files it is given. The child can be stopped and killed like any
other process. Run as a program, this file is that helper.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEAVY = ("aiohttp", "deepdiff", "rich.console", "rich.progress", "twilio.rest")
PATIENCE_S = 60.0
"""How long anything here may take before something is wrong; nobody waits so long for what goes well."""


@dataclass
class Running:
    """One command as a process: its number, where its output goes, and how it ended."""

    words: tuple[str, ...]
    pid: int
    folder: Path
    number: int
    code: int = 0
    """The exit code, or the negative number of the signal that ended it."""
    _ended: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> int:
        """Wait until it has ended and return its exit code; of one killed, the negative signal."""
        if not self._ended.wait(PATIENCE_S):
            self.kill()
            raise TimeoutError(f"{self} did not end\n{self.told()}")
        return self.code

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and to whatever it started."""
        if not self.is_over:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """Kill it as the machine would, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self._ended.wait(PATIENCE_S)

    def told(self) -> str:
        """Return what it has written so far, both streams."""
        return "".join((self.folder / f"{self.number}.{name}").read_text("utf-8") for name in ("out", "err"))

    def end(self, code: int) -> None:
        """Note how it ended."""
        self.code = code
        self._ended.set()

    def __str__(self) -> str:
        return f"reconciler {' '.join(self.words)} (process {self.pid})"


class Zygote:
    """The helper process, and what it has started. Commands may run side by side."""

    def __init__(self) -> None:
        self._helper = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._running: dict[int, Running] = {}
        self._early: dict[int, int] = {}
        self._born: list[int] = []
        self._news = threading.Condition()
        self._birth = threading.Lock()
        """One at a time, so that it is plain whose number the next one born is."""
        self._gone = False
        self._count = 0
        self._ear = threading.Thread(target=self._listen, name="zygote", daemon=True)
        self._ear.start()

    def start(self, folder: Path, *words: object, environment: Mapping[str, str] | None = None) -> Running:
        """Start one command line in a folder; nothing of this process's environment but PATH goes along."""
        texts = tuple(str(word) for word in words)
        with self._birth, self._news:
            self._count += 1
            number = self._count
            known = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), **(environment or {})}
            order = {"words": texts, "folder": str(folder), "number": number, "environment": known}
            self._pipe(self._helper.stdin).write(json.dumps(order) + "\n")
            self._pipe(self._helper.stdin).flush()
            if not self._news.wait_for(lambda: self._born or self._gone, PATIENCE_S) or self._gone:
                raise RuntimeError("the zygote does not answer; what it said stands above")
            running = Running(texts, self._born.pop(), folder, number)
            if running.pid in self._early:
                running.end(self._early.pop(running.pid))
            else:
                self._running[running.pid] = running
        return running

    def run(self, folder: Path, *words: object, expect: int | None = 0) -> str:
        """Run one command line to its end and return what it wrote."""
        running = self.start(folder, *words)
        code = running.wait()
        assert expect in (None, code), f"{running}: exit code {code}\n{running.told()}"
        return running.told()

    def close(self) -> None:
        """End the helper and whatever still runs."""
        for running in [*self._running.values()]:
            running.kill()
        with suppress(BrokenPipeError):
            self._pipe(self._helper.stdin).close()
        self._helper.wait(PATIENCE_S)
        self._ear.join(PATIENCE_S)
        self._pipe(self._helper.stdout).close()

    def _listen(self) -> None:
        for line in self._pipe(self._helper.stdout):
            news = json.loads(line)
            with self._news:
                if "born" in news:
                    self._born.append(news["born"])
                elif running := self._running.pop(news["dead"], None):
                    running.end(news["code"])
                else:
                    self._early[news["dead"]] = news["code"]
                self._news.notify_all()
        with self._news:
            self._gone = True
            self._news.notify_all()

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@contextmanager
def zygote() -> Iterator[Zygote]:
    """Keep a zygote for the length of a block."""
    helper = Zygote()
    try:
        yield helper
    finally:
        helper.close()


# --- the helper --------------------------------------------------------------------------------------------


def serve() -> None:
    """Fork a child for each line of standard input, and tell of births and deaths on standard output."""
    for name in (*HEAVY, *_modules_of_ours()):
        importlib.import_module(name)
    gc.freeze()  # what is here by now is shared by all children, and no collection looks at it again
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    signal.set_wakeup_fd(mouth)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        selector.register(ear, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if ear in ready:
                os.read(ear, 4096)
                _bury()
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if not line:
                    return
                _bear(json.loads(line))


def _modules_of_ours() -> Iterator[str]:
    import reconciler

    found = pkgutil.walk_packages(reconciler.__path__, "reconciler.")
    return (module.name for module in found if not module.name.endswith("__main__"))


def _bear(order: dict[str, Any]) -> None:
    pid = os.fork()
    if pid == 0:
        _live(order)
    _tell({"born": pid})


def _live(order: dict[str, Any]) -> None:
    """Be the program: what `main` raises, SystemExit above all, ends this process."""
    from reconciler.cli import main

    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        path = Path(order["folder"], f"{order['number']}.{name}")
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    main(order["words"])


def _bury() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell({"dead": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(news: dict[str, int]) -> None:
    print(json.dumps(news), flush=True)  # noqa: T201 - the pipe to whoever started this


if __name__ == "__main__":
    serve()
