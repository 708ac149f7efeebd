# PyJWT: PyJWKClient finds the key by kid, decode checks the claims. In and out as in judge.mjs.
import json
import sys

import jwt

given = json.load(sys.stdin)
keys = jwt.PyJWKClient(given["jwksUri"])


def verdict(token):
    try:
        key = keys.get_signing_key_from_jwt(token).key
        jwt.decode(token, key, algorithms=["ES256"], issuer=given["issuer"], audience=given["audience"],
                   options={"require": ["exp", "iss", "aud", "sub"]})
        return "accepted"
    except jwt.InvalidTokenError:
        return "refused"


json.dump({"PyJWT": {name: verdict(token) for name, token in given["tokens"].items()}}, sys.stdout)
