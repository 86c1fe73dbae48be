"""Authlib's grants and endpoints over our tables. Only confidential clients are taken, by either way of sending the secret."""

from dataclasses import dataclass

from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from storage import Client, Code, Token, add, database

METHODS = ["client_secret_basic", "client_secret_post"]


@dataclass
class Person:
    """Whoever signed in; the name is the account."""

    id: str

    def get_user_id(self):
        """Authlib asks by this name."""
        return self.id


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    """The code flow; PKCE is added where the server is made."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code, request):
        asked = request.payload
        add(
            Code(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=asked.redirect_uri,
                scope=asked.scope,
                user_id=request.user.id,
                code_challenge=asked.data.get("code_challenge"),
                code_challenge_method=asked.data.get("code_challenge_method"),
            )
        )

    def query_authorization_code(self, code, client):
        found = Code.query.filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code):
        database.session.delete(authorization_code)
        database.session.commit()

    def authenticate_user(self, authorization_code):
        return Person(authorization_code.user_id)


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """Rotates: the old pair of tokens ends with the refresh."""

    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def authenticate_refresh_token(self, refresh_token):
        found = Token.query.filter_by(refresh_token=refresh_token).first()
        return found if found and not found.refresh_token_revoked_at else None

    def authenticate_user(self, refresh_token):
        return Person(refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        refresh_token.revoke()
        add(refresh_token)


class Registration(ClientRegistrationEndpoint):
    """Takes whoever asks."""

    def __init__(self, server, metadata):
        super().__init__(server)
        self.metadata = metadata

    def authenticate_token(self, request):
        return True

    def resolve_public_key(self, request):
        return None

    def save_client(self, client_info, client_metadata, request):
        client = Client(**client_info)
        client.set_client_metadata(client_metadata)
        return add(client)

    def get_server_metadata(self):
        return self.metadata


class Introspection(IntrospectionEndpoint):
    """Tells the MCP server whether a token lives."""

    def query_token(self, token_string, token_type_hint):
        return Token.query.filter_by(access_token=token_string).first()

    def check_permission(self, token, client, request):
        return True

    def introspect_token(self, token):
        return {
            "active": not token.is_expired() and not token.is_revoked(),
            "client_id": token.client_id,
            "sub": token.user_id,
            "scope": token.scope,
            "exp": token.issued_at + token.expires_in,
            "token_type": "Bearer",
        }
