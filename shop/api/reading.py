"""Reading what comes in: JSON without surprises, and query strings that are checked to the last name."""

import json

import marshmallow
from flask import Request
from webargs import core
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType


class StrictParser(FlaskParser):
    """Refuses what other parsers let pass: unknown query names, repeated keys, NaN, a missing content type."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": marshmallow.RAISE}

    def _raw_load_json(self, req: Request):
        if not core.is_json(req.mimetype):
            raise UnsupportedMediaType("Send the body as application/json.")
        return read_json(req.get_data(cache=True))


def read_json(body: bytes):
    """The value of a JSON text in UTF-8. Raises BadRequest in plain words for anything else."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except ValueError as error:
        raise BadRequest(f"The body is not JSON we take: {error}.") from None


def _unique(pairs: list[tuple]) -> dict:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names the same key twice")
    return value


def _refuse_constant(name: str):
    raise ValueError(f"{name} is not a JSON number")
