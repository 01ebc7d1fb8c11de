"""What people see of the two companies."""

from flask import Blueprint

blueprint = Blueprint("pages", __name__)
