"""OpenAPI descriptions: requests drawn from one, and one as the judge of answers.

Schemathesis generates and judges; it is imported only when one of the two is asked for.
"""

# ruff: noqa: PLC0415 - Schemathesis and Hypothesis cost half a second, which runs without them need not pay

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from conformance.resources import openapi_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schemathesis.core.failures import Failure
    from schemathesis.generation.case import Case
    from schemathesis.openapi.checks import JsonSchemaError
    from schemathesis.schemas import APIOperation

CREDENTIAL = "<the valid credential>"
"""Value of a drawn Authorization header that stands for the valid credential of the target."""

_NOWHERE = "http://target.invalid"
_LEFT_OUT_METHODS = frozenset({"OPTIONS", "TRACE", "CONNECT", "QUERY"})
# Encoding decides on Host and framing; what tells of the library is no part of the draw.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_LIBRARY = frozenset({"user-agent", "accept-encoding", "x-schemathesis-testcaseid"})
_SECRET_MEMBERS = frozenset({"access_token", "refresh_token", "id_token", "client_secret"})
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class DescriptionError(ValueError):
    """An OpenAPI description cannot be read or used; the text is one line for the user."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One request drawn from a description, for the operation's own path.

    Attributes:
        method: request method in upper case.
        query: raw query without the question mark, or None.
        headers: names and octets of the values in order, without Host and framing. An Authorization whose value is
            ``CREDENTIAL`` is to carry the valid credential.
        body: octets of the body.
        how: one line for people on how the request came about.
    """

    method: str
    query: str | None
    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    how: str


def load(name: str | Path) -> dict[str, Any]:
    """A description as a mapping.

    Args:
        name: file name of a description that comes with the package, such as ``passport.yaml``, or the path of a file.

    Raises:
        DescriptionError: the file is missing, unreadable, no YAML or no OpenAPI document.
    """
    import yaml

    try:
        text = name.read_text(encoding="utf-8") if isinstance(name, Path) else openapi_text(name)
        # The loader in C takes a tenth of the time; not every build of PyYAML has it.
        description = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DescriptionError(f"{name}: {_one_line(str(error))}") from error
    if not isinstance(description, dict) or not isinstance(description.get("paths"), dict):
        raise DescriptionError(f"{name}: this is no OpenAPI description: it has no paths")
    return description


def draw(
    description: Mapping[str, Any], *, seed: int, examples: int, token_path: str | None = None
) -> tuple[Drawn, ...]:
    """Distinct requests for the token operation: the coverage cases of Schemathesis, then random draws.

    The same arguments give the same requests, whatever the environment, the working directory and the modules
    imported so far. Nothing is sent, and nothing is written but Hypothesis' Unicode table in the user's cache.

    Args:
        description: an OpenAPI document.
        seed: seed of the random draws.
        examples: number of random draws, half of them as described and half in breach; repetitions are dropped.
        token_path: path of the token operation in a document with several POST operations.

    Raises:
        DescriptionError: the document does not describe one token operation, or no request can be drawn from it.
    """
    import hypothesis.errors
    from schemathesis.core.errors import SchemathesisError

    described = _without_extensions(description)
    try:
        with secluded():
            cases = [(case, "coverage") for case in _coverage_cases(described, token_path)]
            cases += [(case, "drawn") for case in _random_cases(described, token_path, seed, examples)]
            drawn = [request for case, origin in cases if (request := _request(case, origin)) is not None]
    except (SchemathesisError, hypothesis.errors.HypothesisException) as error:
        raise DescriptionError(f"no request can be drawn from the description: {_one_line(str(error))}") from error
    distinct: dict[Any, Drawn] = {}
    for request in drawn:
        distinct.setdefault((request.method, request.query, request.headers, request.body), request)
    return tuple(distinct.values())


class Judge:
    """The OpenAPI description as a judge of answers; built once a run and used for every reply.

    It is meant for what OAuth processing answers to a POST. The caller keeps back answers to other methods, and bare
    400 and 401 answers of the HTTP layer, which also may come for an unusable Content-Type or an undecodable body.
    """

    def __init__(self, description: Mapping[str, Any], token_path: str) -> None:
        """Prepare the operation.

        Args:
            description: an OpenAPI document with one POST operation, or with one at ``token_path``.
            token_path: path of the endpoint under test.

        Raises:
            DescriptionError: the document does not describe one token operation, or a schema in it is invalid.
        """
        import requests
        from schemathesis.checks import CheckContext
        from schemathesis.config import ChecksConfig
        from schemathesis.core.errors import SchemathesisError
        from schemathesis.core.transport import expand_status_codes

        self._request = requests.Request("POST", _NOWHERE + token_path).prepare()
        self._context = CheckContext(None, None, None, ChecksConfig(), None, response_checks=None)
        try:
            self._case = _operation(description, token_path).Case()
            self._described = expand_status_codes(self._case.operation.responses.status_codes)
            if not self._described:
                raise DescriptionError("the description cannot judge: it describes no status code")
            # An invalid schema shows at its first use: have that now.
            for status in self._described:
                self.violations(status=status, fields=(("Content-Type", "application/json"),), body=b"{}")
        except SchemathesisError as error:
            raise DescriptionError(f"the description cannot judge: {_one_line(str(error))}") from error

    def violations(self, *, status: int, fields: Sequence[tuple[str, str]], body: bytes) -> tuple[str, ...]:
        """What of an answer is not as described, one line each; nothing for an answer that matches.

        A 2xx that is not described is a violation. Any other status that is not described is judged elsewhere.
        Members the description leaves open, repeated members and numbers such as ``3600.0`` are out of its reach.

        Args:
            status: status code.
            fields: names and values of the header section in order, repeated names included.
            body: octets of the body, transfer and content coding removed. Masked tokens (``*`` throughout) pass.
        """
        from schemathesis.core.transport import Response
        from schemathesis.specs.openapi import checks

        if status not in self._described and status // 100 != 2:
            return ()
        values = {name: [value] for name, value in _combined(fields).items()}
        # An unpaired surrogate is grammatical JSON, though no Rust string can hold one.
        content = _SURROGATE_ESCAPE.sub(rb"\\ufffd", body)
        response = Response(status, values, content, self._request, elapsed=0.0, verify=True)
        definition = self._case.operation.responses.find_by_status_code(status)
        headers = dict(definition.headers.items()) if definition and definition.headers else {}
        wrong = self._failures(checks.status_code_conformance, response)
        # A body under another media type is one defect, not one more for each member.
        mislabelled = self._failures(checks.content_type_conformance, response)
        wrong += mislabelled or self._failures(checks.response_schema_conformance, response)
        lines = [_line(failure, body) for failure in wrong]
        wrong = self._failures(checks.response_headers_conformance, response)
        lines += [_header_line(failure, headers) for failure in wrong]
        return tuple(dict.fromkeys(_one_line(line) for line in lines if line))

    def _failures(self, check: Any, response: Any) -> list[Failure]:
        from schemathesis.core.failures import Failure, FailureGroup

        try:
            check(self._context, response, self._case)
        except FailureGroup as group:
            return [failure for failure in group.exceptions if isinstance(failure, Failure)]
        except Failure as failure:
            return [failure]
        return []


def _operation(
    description: Mapping[str, Any], token_path: str | None, *, credentials: bool = True
) -> APIOperation[Any, Any, Any, Any]:
    """The token operation. With ``credentials``, its security schemes take part in generating."""
    import schemathesis
    from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig

    if fault := next(_faults(description, description), None):
        raise DescriptionError(f"the description is unusable: {fault}")
    paths = description.get("paths") or {}
    with_post = [path for path, item in paths.items() if isinstance(item, Mapping) and "post" in item]
    described_path = token_path if token_path in with_post else with_post[0] if len(with_post) == 1 else None
    if described_path is None:
        known = ", ".join(with_post) or "none"
        raise DescriptionError(f"the description must have one POST operation, or one at the token path, not {known}")
    path = token_path or described_path
    placed = {**description, "paths": {path: paths[described_path]}}
    # The default would be whatever schemathesis.toml lies in the working directory or above.
    project = ProjectConfig(generation=GenerationConfig(with_security_parameters=credentials))
    # Its own seed would be random where none is given.
    config = SchemathesisConfig(seed=0, projects=ProjectsConfig(default=project))
    operation: APIOperation[Any, Any, Any, Any] = schemathesis.openapi.from_dict(placed, config=config)[path]["POST"]
    return operation


def _faults(node: Any, document: Mapping[str, Any]) -> Iterator[str]:
    """References and patterns that Schemathesis would pass over in silence, and so judge nothing by, or fetch."""
    import jsonschema_rs

    match node:
        case {"$ref": str(reference)} if not reference.startswith("#/"):
            yield f"the reference {reference} leads out of the document"
        case {"$ref": str(reference)} if not _resolves(reference, document):
            yield f"the reference {reference} leads nowhere"
        case {"pattern": str(pattern)}:
            try:
                jsonschema_rs.validator_for({"pattern": pattern})
            except jsonschema_rs.ValidationError:
                yield f"the pattern {pattern} is no regular expression"
    inner = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        if key not in ("example", "examples"):
            yield from _faults(value, document)


def _resolves(reference: str, document: Mapping[str, Any]) -> bool:
    node: Any = document
    for part in unquote(reference.removeprefix("#/")).split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, Mapping) or name not in node:
            return False
        node = node[name]
    return True


def _coverage_cases(description: Mapping[str, Any], token_path: str | None) -> list[Case[Any]]:
    from schemathesis.generation import GenerationMode
    from schemathesis.generation.drivers import CoverageGenerator
    from schemathesis.generation.feedback import NO_FEEDBACK
    from schemathesis.generation.overrides import Override

    operation = _operation(description, token_path)
    generator = CoverageGenerator(
        operation=operation,
        generation_modes=list(GenerationMode),
        generation_config=operation.schema.config.generation_for(operation=operation, phase="coverage"),
        auth_storage=None,
        override=Override(),
        feedback=NO_FEEDBACK,
    )
    return [case for case in generator if case.method not in _LEFT_OUT_METHODS]


def _random_cases(description: Mapping[str, Any], token_path: str | None, seed: int, examples: int) -> list[Case[Any]]:
    import hypothesis
    from hypothesis import HealthCheck, Phase, Verbosity, strategies
    from schemathesis.generation import GenerationMode

    # Half of the draws would differ in the credential alone, which other cases vary with more thought.
    operation = _operation(description, token_path, credentials=False)
    cases: list[Case[Any]] = []

    # Every setting is named, since the profile of a CI environment would replace what is left to the default.
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=max(examples, 1),
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        backend="hypothesis",
    )
    @hypothesis.given(strategies.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode]))
    def collect(case: Case[Any]) -> None:
        cases.append(case)

    if examples > 0:
        collect()
    return cases


def _request(case: Case[Any], origin: str) -> Drawn | None:
    """What Schemathesis would put on the wire for the case; None where ``requests`` refuses to send it."""
    import requests
    from schemathesis.config import SanitizationConfig
    from schemathesis.core.errors import SerializationError
    from schemathesis.transport.prepare import prepare_request

    how = f"{origin}: {_what(case)}"
    visible, credential = SanitizationConfig(enabled=False), {"Authorization": CREDENTIAL}
    try:
        prepared = prepare_request(case, credential, config=visible, base_url=_NOWHERE)
        headers = tuple(
            (name.encode("ascii").decode(), value if isinstance(value, bytes) else value.encode("latin-1"))
            for name, value in prepared.headers.items()
            if name.lower() not in _FRAMING | _LIBRARY
        )
    except (requests.RequestException, SerializationError, ValueError):
        return None
    body = prepared.body or b""
    octets = body.encode() if isinstance(body, str) else body
    return Drawn(prepared.method or case.method, prepared.path_url.partition("?")[2] or None, headers, octets, how)


def _what(case: Case[Any]) -> str:
    meta = case.meta
    if meta is None or meta.generation.mode.is_positive:
        return "a request as described"
    breaches = (meta.phase.data.description or "a request in breach of the description").splitlines()
    what = _one_line("; ".join(breach.removeprefix("- ") for breach in breaches))
    return what.encode("ascii", "backslashreplace").decode()


@contextmanager
def secluded() -> Iterator[None]:
    """Hypothesis without its surroundings: no folder in the working directory, no constants of local modules."""
    from hypothesis import configuration
    from hypothesis.internal.conjecture import providers
    from hypothesis.internal.constants_ast import Constants

    with (
        _replaced(configuration, "__hypothesis_home_directory", _cache_folder()),
        _replaced(providers, "_get_local_constants", Constants),
    ):
        # Constants once found are kept for every later draw of the same kind.
        providers.CONSTANTS_CACHE.cache.clear()
        yield
        providers.CONSTANTS_CACHE.cache.clear()


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _cache_folder() -> Path:
    """Where Hypothesis keeps its Unicode table, which takes a second to compute."""
    home = Path(os.environ.get("HOME", "")) / ".cache"
    bases = (Path(os.environ.get("XDG_CACHE_HOME", "")), home, Path(tempfile.gettempdir()))
    return next(base for base in bases if base.is_absolute()) / "token-conformance" / "hypothesis"


def _without_extensions(node: Any) -> Any:
    """The document without ``x-`` members, which Schemathesis would take for keywords to violate."""
    if isinstance(node, Mapping):
        return {key: _without_extensions(value) for key, value in node.items() if not str(key).startswith("x-")}
    if isinstance(node, list):
        return [_without_extensions(item) for item in node]
    return node


def _combined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values by lower-case name, repeated lines joined (RFC 9110 section 5.3); of Content-Type, the first line."""
    lines: dict[str, list[str]] = {}
    for name, value in fields:
        lines.setdefault(name.lower(), []).append(value)
    return {name: values[0] if name == "content-type" else ", ".join(values) for name, values in lines.items()}


def _header_line(failure: Failure, headers: Mapping[str, Any]) -> str:
    from schemathesis.openapi.checks import JsonSchemaError, MissingHeaders

    if isinstance(failure, MissingHeaders):
        missing = (f"{name} is missing{_source(headers[name].definition)}" for name in failure.missing_headers)
        return "header " + ", ".join(missing)
    if not isinstance(failure, JsonSchemaError):
        return failure.title
    # The failure does not say which header it is about.
    named = {name: header.definition for name, header in headers.items() if header.schema == failure.schema}
    element = next(iter(named.values()), failure.schema)
    return f"header {' or '.join(named) or 'value'}: {_breach(failure, element)}"


def _line(failure: Failure, body: bytes) -> str | None:
    """A failure of Schemathesis in words for people; None for a limit of the reader, which is no defect."""
    from schemathesis.openapi import checks as kinds

    line: str | None = "body: not JSON (RFC 8259)"
    match failure:
        case kinds.UndefinedStatusCode():
            line = f"status {failure.status_code} is not described ({', '.join(failure.defined_status_codes)} are)"
        case kinds.MissingContentType():
            line = f"Content-Type is missing ({', '.join(failure.media_types)} is described)"
        case kinds.UndefinedContentType():
            described = ", ".join(failure.defined_content_types)
            line = f"Content-Type {_quoted(failure.content_type)} is not described ({described} is)"
        case kinds.MalformedMediaType():
            line = f"Content-Type {_quoted(failure.actual)} is not a media type"
        case kinds.JsonSchemaError():
            place = " ".join(("body", *map(str, failure.instance_path)))
            line = f"{place}: {_breach(failure, failure.schema)}"
        case kinds.ContentDeserializationError():
            # Readable as text: nested too deep, or a number too long for Python.
            line = None if body.decode(errors="ignore").encode() == body else "body: not UTF-8 (RFC 8259 section 8.1)"
    return line


def _breach(failure: JsonSchemaError, element: Mapping[str, Any]) -> str:
    """What is wrong with a value, in the words of the described element; the values of secrets stay out of it."""
    keyword = failure.schema_path[-1] if failure.schema_path else "schema"
    if keyword == "required":
        return f"{failure.validation_message}{_source(element)}"
    shown = isinstance(failure.instance, str | int | float | None) and not _SECRET_MEMBERS & {*failure.instance_path}
    value = _quoted(failure.instance) if shown else "the value"
    if keyword != "type" and "description" in element:
        what = f"is not as described: {element['description'].rstrip('.')}"
    else:
        what = f"does not satisfy {keyword} {_quoted(failure.schema.get(str(keyword)))}"
    return f"{value} {what}{_source(element)}"


def _source(element: Mapping[str, Any]) -> str:
    source = element.get("x-source")
    return f" ({source})" if isinstance(source, str) else ""


def _quoted(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:120]}... ({len(text)} characters)"


def _one_line(text: str) -> str:
    return " ".join(text.split())
