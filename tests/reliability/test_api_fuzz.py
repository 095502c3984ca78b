"""What the specification allows, and what it does not, sent to each route: the answers are those that it describes."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from odd_photos import encoded, scene
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import Server

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
# What is made from the specification alone is no photo.
PHOTO = encoded(scene(), "JPEG")


@pytest.fixture(scope="module")
def specification(server: Server) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json")


@pytest.mark.parametrize(
    ("path", "method", "mode", "examples", "expected"),
    [
        ("/api/v1/hashtags", "POST", GenerationMode.POSITIVE, 100, {200}),
        ("/api/v1/hashtags", "POST", GenerationMode.NEGATIVE, 100, {400, 422}),
        ("/api/v1/export", "POST", GenerationMode.POSITIVE, 50, {200, 422}),
        ("/api/v1/export", "POST", GenerationMode.NEGATIVE, 50, {422}),
        ("/healthz", "GET", GenerationMode.POSITIVE, 5, {200}),
        ("/readyz", "GET", GenerationMode.POSITIVE, 5, {200}),
    ],
    ids=str,
)
def test_answers_are_as_the_specification_says(
    specification: schemathesis.BaseSchema,
    server: Server,
    path: str,
    method: str,
    mode: GenerationMode,
    examples: int,
    expected: set[int],
) -> None:
    before = len(server.said())
    statuses: set[int] = set()

    @given(specification[path][method].as_strategy(generation_mode=mode), some.booleans())
    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    def answers(case: Case, real: bool) -> None:
        if real and isinstance(case.body, dict) and "photo" in case.body:
            case.body["photo"] = PHOTO
        if real and mode is GenerationMode.POSITIVE and isinstance(case.body, dict) and "photos" in case.body:
            for photo in case.body["photos"]:
                photo["model"] = "alexnet"
        statuses.add(case.call_and_validate(checks=CHECKS).status_code)

    answers()

    assert "Traceback" not in server.said()[before:]
    assert expected <= statuses, f"only {statuses}: the examples do not say much"
