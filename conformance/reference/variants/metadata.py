"""Choices in where the metadata lie, and in what they leave out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, with_field
from conformance.reference.metadata import METHODS, OAUTH, OPENID, document
from conformance.reference.oauth import INVALID_CLIENT, RFC6749, Failure, Form, Refused
from conformance.reference.planting import variant

if TYPE_CHECKING:
    from conformance.reference.message import Answer, Request
    from conformance.reference.oauth import Site


@variant("metadata-absent")
def metadata_absent(correct: Behaviour) -> Behaviour:
    """There are no metadata."""
    return replace(correct, well_known=lambda behaviour, request, site: behaviour.elsewhere(request, site))


@variant("metadata-issuer-slash")
def metadata_issuer_slash(correct: Behaviour) -> Behaviour:
    """The issuer ends in a slash, which goes before the well-known part is put in (RFC 8414, section 3.1)."""
    inner = correct.metadata

    def metadata(issuer: str, site: Site) -> dict[str, Any]:
        members = inner(issuer, site)
        return {**members, "issuer": f"{members['issuer']}/"}

    return replace(correct, metadata=metadata)


@variant("metadata-openid")
def metadata_openid(correct: Behaviour) -> Behaviour:
    """The metadata lie at openid-configuration, and nowhere else."""
    inner = correct.well_known
    other = {OAUTH: OPENID, OPENID: OAUTH}

    def well_known(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        return inner(behaviour, replace(request, path=other.get(request.path, request.path)), site)

    return replace(correct, well_known=well_known)


@variant("metadata-beside")
def metadata_beside(correct: Behaviour) -> Behaviour:
    """The metadata lie beside the endpoint, at openid-configuration below the path of the issuer."""

    def well_known(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        path = site.token_path.rpartition("/")[0]
        if request.method == "GET" and request.path == path + OPENID:
            return document(behaviour.metadata(site.origin + path, site))
        return behaviour.elsewhere(request, site)

    return replace(correct, well_known=well_known)


@variant("metadata-rich")
def metadata_rich(correct: Behaviour) -> Behaviour:
    """The metadata have further members, and the label of their media type a parameter."""
    described, served = correct.metadata, correct.well_known

    def metadata(issuer: str, site: Site) -> dict[str, Any]:
        more = {
            "response_types_supported": ["code", "token"],
            "authorization_endpoint": f"{site.origin}/authorize",
            "jwks_uri": f"{site.origin}/keys",
            "scopes_supported": list(site.scopes),
            "service_documentation": "https://docs.example/é",
            "x_limits": {"tokens": None},
        }
        return {
            **more,
            **described(issuer, site),
            "grant_types_supported": ["authorization_code", "client_credentials"],
        }

    def well_known(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        answer = served(behaviour, request, site)
        labelled = with_field(answer, "Content-Type", "application/json;charset=UTF-8")
        return labelled if answer.status == 200 else answer

    return replace(correct, metadata=metadata, well_known=well_known)


@variant("metadata-further-methods")
def metadata_further_methods(correct: Behaviour) -> Behaviour:
    """The metadata name methods that the client is not registered for: its credentials in the body are refused."""
    inner = correct.metadata
    refusal = Failure("posted", INVALID_CLIENT, "the client is registered for another method", 401)

    def metadata(issuer: str, site: Site) -> dict[str, Any]:
        methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
        return {**inner(issuer, site), "token_endpoint_auth_methods_supported": methods}

    def check_posted(_behaviour: Behaviour, _form: Form, _site: Site) -> str:
        raise Refused(refusal)

    return replace(correct, metadata=metadata, check_posted=check_posted)


@variant("metadata-default-methods")
def metadata_default_methods(correct: Behaviour) -> Behaviour:
    """The methods are left out where they are the default, which is Basic."""
    inner = correct.metadata

    def metadata(issuer: str, site: Site) -> dict[str, Any]:
        members = inner(issuer, site)
        left_out = "token_endpoint_auth_methods_supported" if METHODS[RFC6749][0] in METHODS[site.profile] else ""
        return {name: members[name] for name in members if name != left_out}

    return replace(correct, metadata=metadata)
