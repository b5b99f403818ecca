"""The OpenAPI description agrees with the handlers, and a real server behaves as it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jupyter_server.auth import Authorizer
from schemathesis.checks import CheckFunction
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tornado import web

from jupyter_runtimed.room.calls import EXECUTE, WRITE
from jupyter_runtimed.server.handlers import OPENAPI

from .clients import Place

DESCRIPTION: dict[str, Any] = yaml.safe_load(OPENAPI.read_text())
METHODS = ("get", "put", "post", "delete", "patch")
BASE = "/api/runtimed"
EXAMPLES = {"{room}": "r", "{connection}": "c", "{sha256}": "0" * 64}
REQUESTS = 5
"""Requests for each operation and each mode."""


def operations() -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, item in DESCRIPTION["paths"].items()
        for method in METHODS
        if method in item
    ]


def routed(place: Place, path: str) -> Any:
    """Return the first handler class of the extension for a described path."""
    for name, example in EXAMPLES.items():
        path = path.replace(name, example)
    for pattern, handler, *_ in place.extension.handlers:
        if re.fullmatch(pattern, BASE + path):
            return handler
    raise AssertionError(f"no handler for {path}")


def methods_of(handler: Any) -> set[str]:
    return {m for m in METHODS if getattr(handler, m) is not getattr(web.RequestHandler, m)}


class TestDescription:
    async def test_every_described_operation_has_a_handler(self, place: Place) -> None:
        missing = [(m, p) for m, p in operations() if m not in methods_of(routed(place, p))]
        assert missing == []

    async def test_every_handler_is_described(self, place: Place) -> None:
        described: dict[Any, set[str]] = {}
        for method, path in operations():
            described.setdefault(routed(place, path), set()).add(method)
        ours = [h for pattern, h, *_ in place.extension.handlers if pattern.startswith(BASE)]
        assert described == {handler: methods_of(handler) for handler in ours}

    def test_every_call_is_described(self) -> None:
        calls = {path.rpartition("/")[2] for method, path in operations()
                 if DESCRIPTION["paths"][path][method]["tags"] == ["calls"]}  # fmt: skip
        assert calls == EXECUTE | WRITE

    async def test_a_server_serves_its_description(self, place: Place) -> None:
        answer = await place.ask("GET", "api/runtimed/openapi.yaml")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/yaml")
        assert yaml.safe_load(answer.body) == DESCRIPTION


class Nothing(Authorizer):
    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return False


class TestWithoutPermission:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"ServerApp": {"authorizer_class": Nothing}}

    async def test_the_description_is_forbidden(self, place: Place) -> None:
        assert (await place.ask("GET", "api/runtimed/openapi.yaml")).status == 403


def no_internal_error(ctx: Any, response: Any, case: Any) -> None:
    assert response.status_code != 500, f"{case.method} {case.path}: {response.text[:500]}"


VALID: list[CheckFunction] = [
    no_internal_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def _has_input(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)


def exchange(
    place: Place, room: str, mode: GenerationMode, checks: list[Any]
) -> Callable[[], None]:
    """Return a function that sends made-up requests for every operation, and checks the answers."""
    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    schema.config.update(base_url=place.url.rstrip("/") + BASE)
    headers = {"Authorization": f"token {place.token}"}

    def exchange_all() -> None:
        for result in schema.get_all_operations():
            operation = result.ok()
            if mode is GenerationMode.NEGATIVE and not _has_input(operation):
                continue

            @hypothesis_settings(
                max_examples=REQUESTS,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode), is_real=st.booleans())
            def ask(case: Any, is_real: bool) -> None:
                if is_real and "room" in case.path_parameters:
                    case.path_parameters["room"] = room
                case.call_and_validate(headers=headers, checks=checks, allow_redirects=False)

            ask()

    return exchange_all


@pytest.mark.timeout(300)
class TestMadeUpRequests:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        # Calls with made-up heads wait for edits that never arrive.
        return {"RuntimedExtension": {"call_timeout": 0.05}}

    async def test_valid_requests_get_described_answers(self, place: Place) -> None:
        place.write("a.ipynb")
        room = await place.room("a.ipynb")
        await asyncio.to_thread(exchange(place, room, GenerationMode.POSITIVE, VALID))

    async def test_invalid_requests_cause_no_internal_error(self, place: Place) -> None:
        place.write("a.ipynb")
        room = await place.room("a.ipynb")
        checks = [no_internal_error]
        await asyncio.to_thread(exchange(place, room, GenerationMode.NEGATIVE, checks))
