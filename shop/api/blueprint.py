"""The API's blueprint, its limits, and how its operations declare their answers."""

from http import HTTPStatus

import flask_smorest
from flask import Response, request

from shop.api.reading import StrictParser
from shop.extensions import limiter

LARGEST_BODY = 128 * 1024

# Per address and over all routes of the kind, so that the alias /api gives nobody a second allowance.
reads_limit = limiter.shared_limit("120/minute", scope="api-reads")
prices_limit = limiter.shared_limit("60/minute", scope="api-prices")
payments_limit = limiter.shared_limit("60/minute", scope="api-payments")
# Providers send in bursts, and what is not signed costs little.
webhooks_limit = limiter.shared_limit("6000/minute", scope="api-webhooks")
bookings_limit = limiter.shared_limit("20/minute", scope="api-bookings")


class Blueprint(flask_smorest.Blueprint):
    ARGUMENTS_PARSER = StrictParser()

    def problems(self, *statuses: int):
        """Declares errors that a route can answer. Every route can answer 429, 500 and 503."""

        def decorator(view):
            for status in (*statuses, 429, 500, 503):
                view = self.alt_response(status, HTTPStatus(status).name)(view)
            return view

        return decorator


blueprint = Blueprint("api", __name__)


@blueprint.before_request
def _limit_body() -> None:
    request.max_content_length = LARGEST_BODY


def revalidated(response: Response) -> Response:
    """Adds an ETag; answers 304 to whoever has the same already."""
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept-Language")
    response.add_etag()
    response.make_conditional(request)
    return response
