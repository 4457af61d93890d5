"""The token request: what it needs, and what a server must not ask for."""

from conformance.case import case
from conformance.expression import DOCUMENTED_PATH, SCOPE
from conformance.reply import GRANTED, INVALID_SCOPE, Judgement, Outcome, Reading, Reply, refused
from conformance.request import VALID


@case("REQ-001", valid=VALID)
def test_the_valid_request_is_granted(valid: Reply) -> None:
    valid.must_be(GRANTED)


@case("REQ-002", documented=VALID.to(DOCUMENTED_PATH))
def test_the_endpoint_lives_at_the_documented_path(documented: Reply) -> None:
    documented.must_be(GRANTED, fail=refused(301, 302, 303, 307, 308, 404, 405))


def keeps_quiet(asked: str) -> Outcome:
    """A token that is a JWT for another scope than the one asked for, in an answer that names no other scope."""

    def matches(reading: Reading) -> bool:
        proven = (reading.token.jwt or {}).get("scope") if reading.token is not None else None
        said = reading.json.get("scope", asked) if isinstance(reading.json, dict) else asked
        told = not isinstance(said, str) or set(said.split()) != set(asked.split())
        return isinstance(proven, str) and set(proven.split()) != set(asked.split()) and not told

    return Outcome("a token for another scope than the answer says", matches)


@case("REQ-003", scopeless=VALID.without_scope())
def test_a_request_without_scope_is_legal(scopeless: Reply, judge: Judgement) -> None:
    scopeless.must_be(GRANTED | INVALID_SCOPE)
    if scopeless.was(GRANTED | INVALID_SCOPE):
        judge.trait("scope.missing", "default" if scopeless.granted else "refused")


@case("REQ-004", scoped=VALID.adding_parameters("scope=" + SCOPE.form()))
def test_a_granted_scope_that_differs_is_stated(scoped: Reply, judge: Judgement) -> None:
    scoped.must_be(GRANTED, fail=keeps_quiet(judge.contract.scope or ""))


@case("REQ-005", probed=VALID.adding_parameters("x_conformance_probe=1"))
def test_unrecognised_parameters_are_ignored(probed: Reply) -> None:
    probed.must_be(GRANTED)


@case("REQ-006", plain=VALID.removing("Accept", "User-Agent", "Connection"))
def test_no_browser_field_is_needed(plain: Reply) -> None:
    plain.must_be(GRANTED)
