"""The queue of the web page: order, cancelling, and files that end with a session."""

import pathlib
import threading
import time

import pytest

from avjax import console
from avjax.app.jobs import Job, JobCancelledError, JobQueue
from avjax.errors import InputError
from avjax.media.files import cache_folder

SECONDS = 5  # after which a test has failed


@pytest.fixture
def jobs(tmp_path):
    queue = JobQueue(tmp_path)
    yield queue
    queue.stop(SECONDS)


class Gate:
    """Work that reports progress until it is opened."""

    def __init__(self):
        self.began, self.opened = threading.Event(), threading.Event()

    def __call__(self, folder: pathlib.Path) -> list[str]:
        (folder / "part.mp4").write_text("incomplete")
        self.began.set()
        for _ in console.track(iter(lambda: self.opened.wait(0.01), True), "waiting"):
            pass
        return ["opened"]


def write(text: str):
    """Make work that writes a file and returns its path."""

    def work(folder):
        (folder / "out.txt").write_text(text)
        return [folder / "out.txt"]

    return work


def finish(job: Job) -> Job:
    assert job.finished.wait(SECONDS)
    return job


def wait_until_gone(path: pathlib.Path) -> None:
    end = time.monotonic() + SECONDS
    while path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not path.exists()


def test_jobs_of_two_sessions_run_one_at_a_time_in_own_folders(jobs):
    gate = Gate()
    first = jobs.submit("anna", "talk", gate)
    second = jobs.submit("ben", "talk", write("ben"))
    third = jobs.submit("anna", "sync", write("anna"))
    assert gate.began.wait(SECONDS)
    assert [jobs.num_before(job) for job in (first, second, third)] == [None, 1, 2]
    gate.opened.set()
    assert finish(first).result == ["opened"]
    files = [finish(job).result[0] for job in (second, third)]
    assert [file.read_text() for file in files] == ["ben", "anna"]
    assert len({file.parent.parent for file in files}) == 2


def test_cancelled_job_leaves_no_files_and_the_next_one_runs(jobs, tmp_path):
    gate = Gate()
    running = jobs.submit("anna", "talk", gate)
    waiting = jobs.submit("anna", "sync", write("never"))
    other = jobs.submit("ben", "talk", write("ben"))
    assert gate.began.wait(SECONDS)
    jobs.cancel("anna", "sync")
    assert isinstance(finish(waiting).error, JobCancelledError)
    jobs.cancel("anna", "talk")
    assert isinstance(finish(running).error, JobCancelledError)
    assert finish(other).result
    assert [file.name for file in tmp_path.rglob("*.*")] == ["out.txt"]


def test_closing_a_session_removes_results_uploads_and_what_was_cached(jobs, tmp_path):
    shared, own = (tmp_path / name / "clip.mp4" for name in ("a1", "b2"))
    kept = tmp_path / "examples" / "clip.mp4"
    for file in (shared, own, kept):
        file.parent.mkdir()
        file.write_text("clip")
        jobs.keep_upload("anna", str(file))
    jobs.keep_upload("ben", str(shared))

    def work(folder):
        cache_folder().mkdir(parents=True)
        return write("anna")(folder)

    file = finish(jobs.submit("anna", "talk", work)).result[0]
    assert (file.parents[1] / "cache" / "avjax").is_dir()
    jobs.close_session("anna")
    assert not file.parents[1].exists() and not own.exists()
    assert shared.exists() and kept.exists()
    jobs.close_session("ben")
    assert [path.name for path in tmp_path.iterdir()] == ["examples"]


def test_closing_a_session_cancels_what_runs(jobs, tmp_path):
    gate = Gate()
    job = jobs.submit("anna", "talk", gate)
    assert gate.began.wait(SECONDS)
    jobs.close_session("anna")
    assert isinstance(finish(job).error, JobCancelledError)
    wait_until_gone(job.folder.parent)


def test_starting_again_replaces_the_result(jobs):
    first = finish(jobs.submit("anna", "talk", write("first")))
    second = finish(jobs.submit("anna", "talk", write("second")))
    assert first.folder == second.folder
    assert second.result[0].read_text() == "second"


def test_error_is_kept_and_its_files_are_removed(jobs):
    def fail(folder):
        (folder / "part.mp4").write_text("incomplete")
        raise InputError("no face was found")

    job = finish(jobs.submit("anna", "talk", fail))
    assert str(job.error) == "no face was found" and not job.folder.exists()


def test_name_of_a_session_cannot_leave_the_folder(jobs, tmp_path):
    job = finish(jobs.submit("../../elsewhere", "talk", write("text")))
    assert job.result[0].resolve().is_relative_to(tmp_path.resolve())
    outside = tmp_path.parent / "kept.txt"
    outside.write_text("kept")
    for name in (outside, f"{tmp_path}/../kept.txt", f"{tmp_path}/x/../../kept.txt"):
        jobs.keep_upload("anna", str(name))
    jobs.close_session("anna")
    assert outside.exists() and tmp_path.exists()


def test_progress_says_how_much_time_is_left(monkeypatch, tmp_path):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    job = Job("anna", tmp_path, write(""))
    job.report("drawing", 0, 10)
    clock[0] = 4.0
    assert job.progress() == ("drawing, for 4 s", None)
    job.report("drawing", 2, 10)
    assert job.progress() == ("drawing: 2 of 10, about 16 s left", 0.2)
    clock[0] = 10.0
    assert job.progress()[0] == "drawing: 2 of 10, about 10 s left"
    clock[0] = 30.0
    assert job.progress()[0] == "drawing: 2 of 10"
    job.cancel()
    assert "cancelling" in job.progress()[0]
    with pytest.raises(JobCancelledError):
        job.report("drawing", 3, 10)
