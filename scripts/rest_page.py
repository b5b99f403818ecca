"""The reference page of the REST API, made from the OpenAPI description that the server serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from jupyter_runtimed.server.handlers import OPENAPI
from markdown_table import table

METHODS = ("get", "put", "post", "delete")
ABOUT = """\
All addresses are under `BASE/api/runtimed`, with the server's base URL as `BASE`. A server
describes them itself as an OpenAPI document, at `BASE/api/runtimed/openapi.yaml`. Python programs
use the [Python client](python.md) instead, which also receives changes.

For example, with a token from `jupyter server list`:

```bash
curl -X PUT -H "Authorization: token $TOKEN" -d '{"path": "tour.ipynb"}' \\
  http://localhost:8888/api/runtimed/rooms
curl -X POST -H "Authorization: token $TOKEN" http://localhost:8888/api/runtimed/rooms/ROOM/run_all
```
"""
ERRORS = """\
An error has a JSON body with `message`, which says what happened and what to do, and with a `code`
if a room answered. [Errors](errors.md) has the meaning of each code.
"""


class RestPage:
    """Prints one OpenAPI document as Markdown."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def text(self, printed: str) -> str:
        """Return the page; `printed` is the note below its title."""
        info = self.document["info"]
        parts = [f"# REST API\n\n{printed}", ABOUT, str(info["description"])]
        for tag in self.document["tags"]:
            parts.append(f"## {tag['name'].capitalize()}\n")
            parts.append(f"{tag['description'].strip()}\n")
            parts += self.operations(tag["name"])
        found = self.document["components"]["responses"]
        rows = [[f"`{status}`", one_line(found[name]["description"])] for status, name in
                sorted(self.named_errors())]  # fmt: skip
        parts.append(f"## Status of errors\n\n{ERRORS}")
        parts.append(table(["status", "meaning"], rows))
        return "\n".join(parts)

    def named_errors(self) -> set[tuple[str, str]]:
        """Return the (status, name) of each shared response that is an error."""
        return {
            (status, response["$ref"].rpartition("/")[2])
            for item in self.document["paths"].values()
            for method in METHODS
            for status, response in item.get(method, {}).get("responses", {}).items()
            if status >= "400" and "$ref" in response
        }

    def operations(self, tag: str) -> Iterator[str]:
        for path, item in self.document["paths"].items():
            for method in METHODS:
                operation = item.get(method)
                if operation is not None and tag in operation["tags"]:
                    yield self.operation(f"{method.upper()} {path}", operation)

    def operation(self, name: str, operation: dict[str, Any]) -> str:
        parts = [f"### {name}\n", f"{operation['summary']}\n"]
        if "description" in operation:
            parts.append(f"{one_line(operation['description'])}\n")
        rows = [
            [f"`{one['name']}`", kind(one["schema"]), one_line(one["description"])]
            for one in operation.get("parameters", [])
        ]
        if rows:
            parts.append(table(["parameter", "type", "meaning"], rows))
        body = self.resolved(operation.get("requestBody", {}))
        if fields := list(self.fields(content(body))):
            parts.append(table(["body", "type", "meaning"], fields))
        parts += self.answers(operation["responses"])
        return "\n".join(parts)

    def answers(self, responses: dict[str, Any]) -> Iterator[str]:
        errors = [f"`{status}`" for status, one in responses.items() if "$ref" in one
                  and status >= "400"]  # fmt: skip
        for status, given in responses.items():
            if f"`{status}`" not in errors:
                response = self.resolved(given)
                yield f"`{status}`: {one_line(response['description'])}\n"
                if fields := list(self.fields(content(response))):
                    yield table(["answer", "type", "meaning"], fields)
        if errors:
            yield f"Errors: {', '.join(errors)}.\n"

    def fields(self, schema: dict[str, Any], within: str = "") -> Iterator[list[str]]:
        """Yield (name, type, meaning) of each property of an object, and of objects in it."""
        schema = self.resolved(schema)
        for part in schema.get("allOf", []):
            yield from self.fields(part, within)
        required = schema.get("required", [])
        for name, given in schema.get("properties", {}).items():
            field = self.resolved(given)
            meaning = one_line(field.get("description", ""))
            if "default" in field:
                meaning = f"{meaning} Default: `{str(field['default']).lower()}`.".strip()
            wanted = " (required)" if name in required else ""
            yield [f"`{within}{name}`", f"{self.kind(field)}{wanted}", meaning]
            yield from self.fields(field.get("items", {}), f"{within}{name}[].")
            yield from self.fields({**field, "allOf": []}, f"{within}{name}.")

    def kind(self, schema: dict[str, Any]) -> str:
        if "allOf" in schema:
            return self.kind(self.resolved(schema["allOf"][0]))
        if schema.get("type") == "array":
            return f"array of {self.kind(self.resolved(schema['items']))}"
        return kind(schema)

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return what a `$ref` refers to, or the schema itself."""
        found = schema
        while "$ref" in found:
            place: Any = self.document
            for step in str(found["$ref"]).removeprefix("#/").split("/"):
                place = place[step]
            found = place
        return found


def content(owner: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the JSON in a body or a response; empty without JSON."""
    schema: dict[str, Any] = owner.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def kind(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    named = schema.get("type", "any")
    return " or ".join(named) if isinstance(named, list) else str(named)


def one_line(text: str) -> str:
    return " ".join(text.split())


def rest_page(printed: str) -> str:
    """Return the page of the description that the server serves."""
    return RestPage(yaml.safe_load(OPENAPI.read_text())).text(printed)
