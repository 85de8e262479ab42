"""The command `avjax app`: a web page on this computer."""

import argparse
import importlib.util

from avjax.errors import InputError

HOST, PORT, MAX_UPLOAD = "127.0.0.1", 7860, 200
MAX_PORT = 65535


def add_app_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax app`."""
    add = parser.add_argument
    add(
        "--host",
        default=HOST,
        help="address to listen on; 0.0.0.0: every computer of the network can use the "
        "page (default: %(default)s, this computer alone)",
    )
    add("--port", type=int, default=PORT, help="port (default: %(default)s)")
    add(
        "--max-upload",
        type=int,
        default=MAX_UPLOAD,
        metavar="MIB",
        help="largest file that can be uploaded, in MiB (default: %(default)s)",
    )


def app(options: argparse.Namespace) -> None:
    """Serve a web page with talk, adapt, lipread, speak, denoise and sync.

    The page loads nothing from other servers, and its files are removed at the end.
    """
    if not 0 <= options.port <= MAX_PORT:
        raise InputError(f"port {options.port} is not between 0 and {MAX_PORT}")
    if options.max_upload < 1:
        message = f"a limit of {options.max_upload} MiB is too small: use 1 or more"
        raise InputError(message)
    if importlib.util.find_spec("gradio") is None:
        raise InputError("avjax app needs Gradio: pip install 'avjax[app]'")
    from avjax.app.server import serve

    serve(options.host, options.port, options.max_upload)
