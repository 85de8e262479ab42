"""The server of the web page: private by default, and without files after its end."""

import os
import pathlib
import socket
import tempfile
from collections.abc import MutableMapping
from typing import Any

from avjax.errors import InputError

MAX_WAIT_SECONDS = 30  # for the end of a job when the server is stopped
LOOPBACK = "127.0.0.1", "localhost"
# The page may load nothing from other servers.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; connect-src 'self' data: blob:; "
    "font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'self'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
ENVIRONMENT = {  # of Gradio and of the libraries that it uses
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}


def serve(host: str, port: int, max_upload: int) -> None:
    """Serve the web page until the process is stopped.

    Args:
        host: Address to listen on.
        port: Port; 0: any that is free.
        max_upload: Largest file that can be uploaded, in MiB.

    Raises:
        InputError: The address cannot be listened on.
    """
    with (
        _listen(host, port) as listener,
        tempfile.TemporaryDirectory(
            prefix="avjax-app-", ignore_cleanup_errors=True
        ) as folder,
    ):
        os.environ.update(ENVIRONMENT, GRADIO_TEMP_DIR=folder)
        _run(listener, host, pathlib.Path(folder), max_upload)


def _listen(host: str, port: int) -> socket.socket:
    """Listen on an address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot listen on port {port} of {host}: {reason}"
        raise InputError(f"{message}; choose others with --host and --port") from error


def _run(
    listener: socket.socket, host: str, folder: pathlib.Path, max_upload: int
) -> None:
    """Make the examples and the page, and serve it."""
    import uvicorn

    from avjax.app.examples import make_examples
    from avjax.app.jobs import JobQueue

    examples = make_examples(folder / "examples")
    jobs = JobQueue(folder)
    app = make_app(jobs, examples, host, max_upload)
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=2, server_header=False
    )
    address = f"[{host}]" if ":" in host else host
    print(f"http://{address}:{listener.getsockname()[1]}/ (Ctrl-C ends it)", flush=True)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        jobs.stop(MAX_WAIT_SECONDS)


def make_app(jobs: Any, examples: Any, host: str, max_upload: int) -> Any:
    """Make the ASGI application.

    Args:
        jobs: The queue of jobs, `avjax.app.jobs.JobQueue`.
        examples: Files for the examples, `avjax.app.examples.Examples`.
        host: Address that the server listens on.
        max_upload: Largest file that can be uploaded, in MiB.

    Returns:
        The application.
    """
    import fastapi
    import gradio as gr
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from avjax.app.page import build_page
    from avjax.app.style import SCRIPT, STYLE, make_theme

    app = fastapi.FastAPI(openapi_url=None)
    gr.mount_gradio_app(
        app,
        build_page(jobs, examples),
        path="/",
        server_name=host,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        max_file_size=max_upload * 2**20,
        theme=make_theme(),
        css=STYLE,
        head=SCRIPT,
    )
    if host in LOOPBACK:  # no other site can reach the page by another name
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK])
    app.add_middleware(SecurityHeaders)
    return app


class SecurityHeaders:
    """Adds headers to each response, so that the page loads nothing from elsewhere.

    Args:
        app: The ASGI application.
    """

    def __init__(self, app: Any):
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one connection."""

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)
