"""What an OpenID Connect provider's claims say of a person, read by the rules of the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def subject_of(claims: Mapping[str, object]) -> str:
    """Who it is, for good: issuer and subject; "" when the claims lack either."""
    issuer, subject = claims.get("iss"), claims.get("sub")
    return f"{issuer} {subject}" if issuer and subject else ""


def matches(rules: Iterable[str], claims: Mapping[str, object]) -> bool:
    """Whether one of the rules holds: "*" for everybody, "@example.com" for a verified address of that domain
    ("*@": any verified address), "ann@example.com" for that verified address, "claim=value" for a claim that
    is the value or a list that holds it."""
    return any(_holds(rule.strip(), claims) for rule in rules)


def _holds(rule: str, claims: Mapping[str, object]) -> bool:
    if rule == "*":
        return True
    claim, equals, value = rule.partition("=")
    if equals:
        found = claims.get(claim.strip())
        listed = found if isinstance(found, list | tuple) else [found]
        return value.strip() in [str(one) for one in listed if one is not None]
    address = str(claims.get("email") or "").strip().casefold()
    if str(claims.get("email_verified")).casefold() != "true" or "@" not in address:
        return False
    wanted = rule.casefold()
    if wanted == "*@":
        return True
    return address.rpartition("@")[2] == wanted[1:] if wanted.startswith("@") else address == wanted
