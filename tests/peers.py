"""Token endpoints of other people's making, each in a thread on loopback."""

from __future__ import annotations

import base64
import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from flask import Flask, Response, request
from oauthlib.oauth2 import BackendApplicationServer, OAuth2Error, RequestValidator
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT_ID = "Interop-Client"
CLIENT_SECRET = "interop-b7Qk0x2mZr"
SCOPES = ("read", "write")
PATH = "/oauth/token"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass


@contextlib.contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The base URL of an application while it is served."""
    logging.getLogger("authlib").setLevel(logging.CRITICAL)
    app.logger.setLevel(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Client(ClientMixin):  # type: ignore[misc]
    """The one client that the endpoints know."""

    client_id: str = CLIENT_ID

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(one for one in (scope or "").split() if one in SCOPES)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        del redirect_uri
        return False

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint == "token" and method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        del response_type
        return False

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


class _ClientCredentials(grants.ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")


def authlib_app() -> Flask:
    """A Flask application with Authlib's token endpoint."""
    app = Flask("authlib-peer")
    app.config["OAUTH2_SCOPES_SUPPORTED"] = list(SCOPES)
    server = AuthorizationServer(
        app,
        query_client=lambda client_id: Client() if client_id == CLIENT_ID else None,
        save_token=lambda token, request: None,  # noqa: ARG005 - Authlib passes both by place
    )
    server.register_grant(_ClientCredentials)

    @app.post(PATH)
    def token() -> Any:
        return server.create_token_response()

    return app


class _Validator(RequestValidator):  # type: ignore[misc]
    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        del args, kwargs
        authorization = request.headers.get("Authorization", "")
        scheme, _, value = authorization.partition(" ")
        try:
            client, _, secret = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return False
        if scheme.lower() != "basic" or (client, secret) != (CLIENT_ID, CLIENT_SECRET):
            return False
        request.client = Client()
        return True

    def validate_grant_type(self, client_id: str, grant_type: str, client: Any, request: Any, *_: Any) -> bool:
        del client_id, client, request
        return grant_type == "client_credentials"

    def validate_scopes(self, client_id: str, scopes: list[str], client: Any, request: Any, *_: Any) -> bool:
        del client_id, client, request
        return set(scopes) <= set(SCOPES)

    def get_default_scopes(self, client_id: str, request: Any, *_: Any) -> list[str]:
        del client_id, request
        return ["read"]

    def save_bearer_token(self, token: Any, request: Any, *_: Any) -> None:
        pass

    def client_authentication_required(self, request: Any, *_: Any) -> bool:
        del request
        return True


def oauthlib_app() -> Flask:
    """A Flask application with oauthlib's token endpoint."""
    app = Flask("oauthlib-peer")
    endpoint = BackendApplicationServer(_Validator())

    @app.post(PATH)
    def token() -> Response:
        try:
            headers, body, status = endpoint.create_token_response(
                request.url, request.method, request.get_data(as_text=True), dict(request.headers)
            )
        except OAuth2Error as error:
            # What is wrong with the request itself is raised, for the application to answer.
            return Response(error.json, error.status_code, error.headers, content_type="application/json")
        return Response(body, status=status, headers=headers)

    return app
