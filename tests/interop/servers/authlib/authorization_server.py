"""Authlib behind Flask as an authorization server: one form, confidential clients by dynamic registration, `iss` answered."""

import os

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import create_query_client_func, create_revocation_endpoint, create_save_token_func
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, jsonify, render_template_string, request

from grants import METHODS, AuthorizationCodeGrant, Introspection, Person, RefreshTokenGrant, Registration
from storage import CONFIGURATION, Client, Token, add, database

SCOPES = ["mcp:read", "offline_access"]
RESOURCE_SERVER = {"client_id": "resource-server", "client_secret": "resource-server-secret"}

PAGE = """<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in for {{ client }}</h1>
<form method="post"><label>Name <input name="username"></label>
<button name="answer" value="yes">Allow</button> <button name="answer" value="no">Deny</button></form>"""


def metadata(issuer):
    """RFC 8414 metadata."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "registration_endpoint": f"{issuer}/register",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": METHODS,
        "authorization_response_iss_parameter_supported": True,
    }


def authlib_server(app, issuer):
    """Authlib's part, with everything registered."""

    class Issuer(IssuerParameter):
        def get_issuer(self):
            return issuer

    server = AuthorizationServer(
        app,
        query_client=create_query_client_func(database.session, Client),
        save_token=create_save_token_func(database.session, Token),
    )
    server.register_grant(AuthorizationCodeGrant, [CodeChallenge(required=True)])
    server.register_grant(RefreshTokenGrant)
    server.register_endpoint(Registration(server, metadata(issuer)))
    server.register_endpoint(Introspection)
    server.register_endpoint(create_revocation_endpoint(database.session, Token))
    server.register_extension(Issuer())
    return server


def add_routes(app, server, issuer):
    """The addresses of the metadata."""

    @app.get("/.well-known/oauth-authorization-server")
    def described():
        return jsonify(metadata(issuer))

    @app.route("/authorize", methods=["GET", "POST"])
    def authorize():
        try:
            grant = server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return jsonify(error=error.error), 400
        if request.method == "GET":
            return render_template_string(PAGE, client=grant.client.client_name)
        allowed = request.form.get("answer") == "yes"
        person = Person(request.form.get("username") or "somebody")
        return server.create_authorization_response(grant=grant, grant_user=person if allowed else None)

    @app.post("/token")
    def token():
        return server.create_token_response()

    for path, name in {"/register": Registration.ENDPOINT_NAME, "/revoke": "revocation", "/introspect": "introspection"}.items():
        app.add_url_rule(path, name, lambda name=name: server.create_endpoint_response(name), methods=["POST"])


def create(issuer, ttl):
    """The Flask application; `ttl` is the life of an access token in seconds."""
    app = Flask(__name__)
    lives = {"authorization_code": ttl, "refresh_token": ttl}
    app.config.update(
        CONFIGURATION, SECRET_KEY="interop", OAUTH2_REFRESH_TOKEN_GENERATOR=True, OAUTH2_TOKEN_EXPIRES_IN=lives
    )
    database.init_app(app)
    with app.app_context():
        database.create_all()
        client = Client(**RESOURCE_SERVER, client_id_issued_at=0, client_secret_expires_at=0)
        client.set_client_metadata({"token_endpoint_auth_method": "client_secret_basic", "grant_types": []})
        add(client)
    add_routes(app, authlib_server(app, issuer), issuer)
    return app
