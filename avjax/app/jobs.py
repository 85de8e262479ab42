"""The queue of the web page: one job at a time, in a folder that ends with its session.

A session is one open page. Its files are its uploads and the results of its jobs. They
are removed when the page is closed; a job that is then running is cancelled first.
"""

import collections
import contextlib
import gc
import os
import pathlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from avjax import console

CACHE_VARIABLE = "XDG_CACHE_HOME"  # of avjax, for what it has found in clips
Work = Callable[[pathlib.Path], list[Any]]  # folder for files -> values to show


class JobCancelledError(Exception):
    """The user has cancelled the job, or closed the page."""


class Job:
    """Work that waits, runs or has ended.

    Args:
        session: The session that it belongs to.
        folder: The folder for its files; emptied before it begins.
        work: What to do.

    Attributes:
        result: What the work has returned; None: it has not.
        error: Why there is no result; None: it has not ended, or there is one.
        finished: Set at the end.
    """

    def __init__(self, session: str, folder: pathlib.Path, work: Work):
        self.session, self.folder, self.work = session, folder, work
        self.result: list[Any] | None = None
        self.error: Exception | None = None
        self.finished = threading.Event()
        self._cancelled = threading.Event()
        self._phase: tuple[str, float, float | None] = ("starting", 0, None)
        self._start = self._reported = time.monotonic()  # of the phase; its last item

    def cancel(self) -> None:
        """End the job at its next step."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """True if the job is to end."""
        return self._cancelled.is_set()

    def report(self, description: str, done: float, total: float | None) -> None:
        """Record progress; see `avjax.console.Listener`.

        Args:
            description: What is being done.
            done: Number of items that are done.
            total: Number of all items, if it is known.

        Raises:
            JobCancelledError: The job is to end.
        """
        if self.is_cancelled:
            raise JobCancelledError
        self._reported = time.monotonic()
        if description != self._phase[0]:
            self._start = self._reported
        self._phase = description, done, total

    def progress(self) -> tuple[str, float | None]:
        """Describe how far the job is.

        Returns:
            A sentence, and the fraction of the current phase that is done; None: it is
            not known.
        """
        description, done, total = self._phase
        if self.is_cancelled:
            return "cancelling: the step that runs is completed first", None
        now = time.monotonic()
        if not total or not done:
            return f"{description}, for {now - self._start:.0f} s", None
        sentence = f"{description}: {done:.0f} of {total:.0f}"
        estimate = (self._reported - self._start) / done * (total - done)
        left = estimate - (now - self._reported)
        if left > 0:  # else the last item takes longer than those before it
            sentence += f", about {left:.0f} s left"
        return sentence, min(done / total, 1)


class JobQueue:
    """Runs the jobs of all sessions one after the other in one thread.

    Args:
        root: The folder in which all files are, uploads included.
    """

    def __init__(self, root: pathlib.Path):
        self._root = root.resolve()
        self._condition = threading.Condition()
        self._waiting: collections.deque[Job] = collections.deque()
        self._running: Job | None = None
        self._is_stopped = False
        self._jobs: dict[tuple[str, str], Job] = {}  # the last one of each tab
        self._uploads: dict[str, set[pathlib.Path]] = {}
        self._thread = threading.Thread(target=self._run_all, daemon=True)
        self._thread.start()

    def submit(self, session: str, name: str, work: Work) -> Job:
        """Put a job at the end of the queue.

        Args:
            session: The session.
            name: Name of the job; an earlier job of that name is cancelled, and its
                files are removed.
            work: What to do.

        Returns:
            The job.
        """
        self.cancel(session, name)
        job = Job(session, self._folder(session) / name, work)
        with self._condition:
            self._uploads.setdefault(session, set())
            self._jobs[session, name] = job
            self._waiting.append(job)
            self._condition.notify()
        return job

    def num_before(self, job: Job) -> int | None:
        """Return the number of jobs that run before a waiting one; None: it runs."""
        with self._condition:
            if job not in self._waiting:
                return None
            return self._waiting.index(job) + (self._running is not None)

    def cancel(self, session: str, name: str) -> None:
        """Cancel the job of a name, if there is one that has not ended."""
        with self._condition:
            if job := self._jobs.get((session, name)):
                self._cancel(job)

    def keep_upload(self, session: str, file: str | None) -> None:
        """Note that a file was uploaded, so that it is removed with the session.

        Args:
            session: The session.
            file: The file; others than uploads are ignored.
        """
        path = pathlib.Path(file or ".").resolve()
        if not _is_upload(self._root, path):
            return
        with self._condition:
            self._uploads.setdefault(session, set()).add(path)

    def close_session(self, session: str) -> None:
        """Cancel the jobs of a session, and remove its files."""
        with self._condition:
            for key in [key for key in self._jobs if key[0] == session]:
                self._cancel(self._jobs.pop(key))
            files = self._uploads.pop(session, set())
            for file in files.difference(*self._uploads.values()):
                shutil.rmtree(file.parent, ignore_errors=True)
            if self._running is None or self._running.session != session:
                shutil.rmtree(self._folder(session), ignore_errors=True)

    def stop(self, timeout: float | None = None) -> None:
        """Cancel all jobs, and wait for the end of the one that runs.

        Args:
            timeout: Longest time to wait in seconds. None: no limit.
        """
        with self._condition:
            self._is_stopped = True
            for job in [*self._waiting, *filter(None, [self._running])]:
                self._cancel(job)
            self._condition.notify()
        self._thread.join(timeout)

    def _folder(self, session: str) -> pathlib.Path:
        """Return the folder of a session; its name comes from the browser."""
        return self._root / f"session-{session.encode().hex()[:64]}"

    def _cancel(self, job: Job) -> None:
        """Cancel a job; one that waits ends at once."""
        job.cancel()
        if job in self._waiting:
            self._waiting.remove(job)
            job.error = JobCancelledError()
            job.finished.set()

    def _run_all(self) -> None:
        """Run jobs until the queue is stopped."""
        while True:
            with self._condition:
                while not self._waiting and not self._is_stopped:
                    self._condition.wait()
                if self._is_stopped:
                    return
                job = self._running = self._waiting.popleft()
            _run(job)
            gc.collect()  # an exception keeps frames of video alive in cycles
            with self._condition:
                self._running = None
                if job.session not in self._uploads:  # closed in the meantime
                    shutil.rmtree(job.folder.parent, ignore_errors=True)
            job.finished.set()


def _run(job: Job) -> None:
    """Run a job; if it has no result, it leaves no files."""
    shutil.rmtree(job.folder, ignore_errors=True)
    try:
        job.folder.mkdir(parents=True)
        with (
            _cache_folder(job.folder.parent / "cache"),
            console.progress_listener(job.report),
        ):
            result = job.work(job.folder)
        job.report("done", 1, 1)
        job.result = result
    except Exception as error:
        job.error = error
        shutil.rmtree(job.folder, ignore_errors=True)


@contextlib.contextmanager
def _cache_folder(folder: pathlib.Path) -> Iterator[None]:
    """Let avjax cache what it finds in clips in a folder, in the `with` block."""
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(CACHE_VARIABLE)
        if before is not None:
            os.environ[CACHE_VARIABLE] = before


def _is_upload(root: pathlib.Path, file: pathlib.Path) -> bool:
    """Return True for root/HASH/NAME, where Gradio stores what is uploaded."""
    if file.parent.parent != root:
        return False
    return not file.parent.name.startswith(("session-", "examples"))
