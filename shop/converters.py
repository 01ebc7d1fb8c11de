"""Placeholders in the addresses of pages."""

from werkzeug.routing import IntegerConverter


class RowId(IntegerConverter):
    """`<row_id:name>`: a key that a database can hold; anything larger is nobody's."""

    def __init__(self, url_map):
        super().__init__(url_map, min=1, max=2**31 - 1)
