"""The web page: its tabs, which all work alike, and what their buttons do."""

import asyncio
import functools
import pathlib
import sys
import traceback
from collections.abc import AsyncIterator, Sequence
from typing import Any

import gradio as gr

from avjax.app import fragments
from avjax.app.examples import Examples
from avjax.app.jobs import Job, JobCancelledError, JobQueue
from avjax.app.tabs import Run, Tab, make_tabs
from avjax.cli.session import explain_exception
from avjax.console import format_count
from avjax.errors import InputError

POLL_SECONDS = 0.4  # between two looks at a job
CACHE_SECONDS = 600, 6 * 3600  # how often files are searched, and how old they become
FILE_COMPONENTS = gr.Image, gr.Video, gr.Audio
INTRODUCTION = (
    "<h1>avjax</h1><p>Everything runs on the computer that serves this page. Your "
    "files are removed when you close it. Animate only people who consent, and label "
    "generated video as generated.</p>"
)


def build_page(jobs: JobQueue, examples: Examples) -> gr.Blocks:
    """Build the page.

    Args:
        jobs: The queue of jobs.
        examples: Files for the examples.

    Returns:
        The page.
    """
    with gr.Blocks(
        title="avjax", analytics_enabled=False, delete_cache=CACHE_SECONDS
    ) as page:
        gr.HTML(INTRODUCTION, padding=False)
        with gr.Tabs():
            for tab in make_tabs(examples):
                with gr.Tab(tab.name, id=tab.key):
                    _build_tab(tab, jobs)

        def close(request: gr.Request) -> None:
            jobs.close_session(session_of(request))

        page.unload(close)
    return page


def _build_tab(tab: Tab, jobs: JobQueue) -> None:
    """Build a tab, and say what its buttons do."""
    gr.Markdown(tab.summary)
    with gr.Row():
        with gr.Column():
            inputs = tab.inputs()
            with gr.Row():
                start = gr.Button(
                    "Start", variant="primary", elem_id=f"{tab.key}-start"
                )
                cancel = gr.Button("Cancel", elem_id=f"{tab.key}-cancel")
                example = gr.Button("Example", elem_id=f"{tab.key}-example")
        with gr.Column():
            status = gr.HTML(elem_id=f"{tab.key}-status", padding=False)
            outputs = tab.outputs()
    options: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    nothing = [None] * len(outputs)
    unchanged = [gr.skip()] * len(outputs)

    async def run(request: gr.Request, *values: Any) -> AsyncIterator[list[Any]]:
        work = functools.partial(_call, tab.run, values)
        job = jobs.submit(session_of(request), tab.key, work)
        yield [describe_progress(jobs, job), *show_values(outputs, nothing)]
        while not job.finished.is_set():
            yield [describe_progress(jobs, job), *unchanged]
            await asyncio.sleep(POLL_SECONDS)
        shown = show_values(outputs, job.result or nothing)
        yield [describe_end(job, values), *shown]

    def stop(request: gr.Request) -> None:
        jobs.cancel(session_of(request), tab.key)

    def keep(file: str | None, request: gr.Request) -> None:
        jobs.keep_upload(session_of(request), file)

    start.click(run, inputs, [status, *outputs], concurrency_limit=None, **options)
    cancel.click(stop, queue=False, **options)
    example.click(lambda: tab.example, None, inputs, queue=False, **options)
    for component in inputs:
        if isinstance(component, FILE_COMPONENTS):
            component.change(keep, component, None, queue=False, **options)


def _call(run: Run, values: tuple[Any, ...], folder: pathlib.Path) -> list[Any]:
    """Do the work of a tab in a folder."""
    return run(folder, *values)


def show_values(outputs: list[Any], values: list[Any]) -> list[Any]:
    """Return the updates that show values; what is not there cannot be downloaded."""
    return [
        gr.update(value=value, interactive=value is not None)
        if isinstance(output, gr.DownloadButton)
        else value
        for output, value in zip(outputs, values, strict=True)
    ]


def session_of(request: gr.Request) -> str:
    """Return the id of the page that has sent a request."""
    return request.session_hash or ""


def describe_progress(jobs: JobQueue, job: Job) -> str:
    """Show how far a job is, as HTML."""
    before = jobs.num_before(job)
    if before:
        return fragments.show_status(f"waiting for {format_count(before, 'job')}")
    return fragments.show_status(*job.progress())


def describe_end(job: Job, values: Sequence[Any]) -> str:
    """Show how a job has ended.

    Args:
        job: The job.
        values: Its inputs; messages name files without their folders.

    Returns:
        HTML.
    """
    error = job.error
    if error is None:
        return fragments.show_status("done", busy=False)
    if isinstance(error, JobCancelledError):
        return fragments.show_status("cancelled", busy=False)
    if isinstance(error, InputError):
        message = str(error)
    else:
        traceback.print_exception(error, file=sys.stderr)
        message, _ = explain_exception(error)
    for value in values:
        if isinstance(value, str) and pathlib.Path(value).is_absolute():
            message = message.replace(value, pathlib.Path(value).name)
    return fragments.show_error(message)
