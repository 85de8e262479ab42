"""The command `avjax app`: its arguments, and what it says without Gradio."""

import asyncio
import importlib.util
import socket

import pytest

from avjax.__main__ import main
from avjax.app import server
from avjax.errors import InputError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "avjax app needs Gradio: pip install 'avjax[app]'"),
        (["--port", "65536"], "port 65536 is not between 0 and 65535"),
        (["--port", "x"], "invalid int value: 'x'"),
        (["--max-upload", "0"], "a limit of 0 MiB is too small: use 1 or more"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(words, message, monkeypatch, capfd):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["app", *words]) == 2
    out, error = capfd.readouterr()
    assert not out and message in error and error.count("\n") == 1


def test_port_that_is_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on port {port} of 127"):
            server.serve("127.0.0.1", port, 1)


def test_every_response_forbids_other_servers():
    sent = []

    async def respond(scope, receive, send):
        await send({"type": "http.response.start", "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"text"})

    async def receive():
        return {}

    async def send(message):
        sent.append(message)

    asyncio.run(server.SecurityHeaders(respond)({}, receive, send))
    headers = dict(sent[0]["headers"])
    policy = headers[b"content-security-policy"].decode()
    assert headers[b"a"] == b"b" and "default-src 'self'" in policy
    assert "http:" not in policy and "*" not in policy
    assert sent[1] == {"type": "http.response.body", "body": b"text"}
