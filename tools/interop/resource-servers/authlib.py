# Authlib: JsonWebToken with a set of keys and options for the claims. In and out as in judge.mjs.
import json
import sys
from urllib.request import urlopen

from authlib.jose import JsonWebKey, JsonWebToken
from authlib.jose.errors import JoseError

given = json.load(sys.stdin)
with urlopen(given["jwksUri"], timeout=10) as answer:
    keys = JsonWebKey.import_key_set(json.load(answer))
options = {
    "iss": {"essential": True, "value": given["issuer"]},
    "aud": {"essential": True, "value": given["audience"]},
    "exp": {"essential": True},
}


def verdict(token):
    try:
        JsonWebToken(["ES256"]).decode(token, keys, claims_options=options).validate()
        return "accepted"
    except JoseError:
        return "refused"


json.dump({"Authlib": {name: verdict(token) for name, token in given["tokens"].items()}}, sys.stdout)
