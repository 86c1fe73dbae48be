"""The tables of the authorization server: clients, codes and tokens, in memory."""

import time

from authlib.integrations.sqla_oauth2 import OAuth2AuthorizationCodeMixin, OAuth2ClientMixin, OAuth2TokenMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.pool import StaticPool

database = SQLAlchemy()

CONFIGURATION = {
    "SQLALCHEMY_DATABASE_URI": "sqlite://",
    # one connection, or every thread would have an empty database of its own
    "SQLALCHEMY_ENGINE_OPTIONS": {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}},
}


class Client(database.Model, OAuth2ClientMixin):
    """A registered client."""

    id = database.Column(database.Integer, primary_key=True)
    user_id = database.Column(database.String(80))


class Code(database.Model, OAuth2AuthorizationCodeMixin):
    """An authorization code that was not exchanged yet."""

    id = database.Column(database.Integer, primary_key=True)
    user_id = database.Column(database.String(80))


class Token(database.Model, OAuth2TokenMixin):
    """An access token and its refresh token."""

    id = database.Column(database.Integer, primary_key=True)
    user_id = database.Column(database.String(80))

    def revoke(self):
        """Ends both, from now on."""
        self.access_token_revoked_at = self.refresh_token_revoked_at = int(time.time())


def add(row):
    """Writes one row."""
    database.session.add(row)
    database.session.commit()
    return row


def revoke_all():
    """Ends every token there is."""
    for token in Token.query.all():
        token.revoke()
    database.session.commit()
