"""Canaille with two clients and a user, run by the Python of its own environment (tests/canaille/__init__.py).

python serve.py FOLDER PORT      the facts come on standard input as JSON; "ready" is printed once it answers
"""
# mypy: ignore-errors

import json
import sys
from pathlib import Path

from joserfc import jwk
from werkzeug.serving import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    """Writes no access log."""

    def log_request(self, *args) -> None:
        pass


def main(folder: Path, port: int, facts) -> None:
    """Serves until it is killed."""
    from canaille.app import models
    from canaille.backends import Backend

    import canaille

    key = jwk.RSAKey.generate_key(2048, auto_kid=True, parameters={"use": "sig", "alg": "RS256"})
    address = f"127.0.0.1:{port}"
    app = canaille.create_app(
        {
            "SECRET_KEY": "of the tests",
            "SERVER_NAME": address,
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{folder / 'canaille.sqlite'}"},
            "CANAILLE": {"JAVASCRIPT": False, "HTMX": False, "EMAIL_CONFIRMATION": False, "LOGGING": None},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)], "REQUIRE_NONCE": False, "TRUSTED_DOMAINS": []},
        }
    )
    with app.app_context():
        for client in facts["clients"]:
            made = models.Client(token_endpoint_auth_method="client_secret_basic", response_types=["code"], **client)
            Backend.instance.save(made)
            made.audience = [made]  # it may ask what its own tokens are
            Backend.instance.save(made)
        Backend.instance.save(models.User(**facts["user"]))
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), json.load(sys.stdin))
