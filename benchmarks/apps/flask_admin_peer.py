"""Flask-Admin's ModelView as its manual shows it. PEER=tuned: with tuned.sql's indexes and no count of all rows."""

import os

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Boolean, DateTime, ForeignKey, Integer, MetaData, SmallInteger, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column, relationship

PEER = os.environ["PEER"]


class Base(DeclarativeBase):
    metadata = MetaData(schema=PEER)


db = SQLAlchemy(model_class=Base)


class Technician(db.Model):
    __tablename__ = "technicians"
    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String(120))

    def __str__(self):
        return self.name


class Device(db.Model):
    __tablename__ = "devices"
    id = mapped_column(Integer, primary_key=True)
    label = mapped_column(String(160))

    def __str__(self):
        return self.label


class Customer(db.Model):
    __tablename__ = "customers"
    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String(120))
    email = mapped_column(String(254))
    phone = mapped_column(String(20))

    def __str__(self):
        return self.name


class Repair(db.Model):
    __tablename__ = "repairs"
    id = mapped_column(Integer, primary_key=True)
    ticket = mapped_column(String(16), unique=True)
    customer_id = mapped_column(ForeignKey(Customer.id))
    device_id = mapped_column(ForeignKey(Device.id))
    technician_id = mapped_column(ForeignKey(Technician.id), nullable=True)
    status = mapped_column(String(20))
    is_open = mapped_column(Boolean)
    priority = mapped_column(SmallInteger)
    due_at = mapped_column(DateTime(True))
    updated_at = mapped_column(DateTime(True))
    problem = mapped_column(Text)
    customer = relationship(Customer)
    device = relationship(Device)
    technician = relationship(Technician)


class RepairView(ModelView):
    column_list = (
        "ticket", "customer", "customer.phone", "device", "problem", "status", "priority", "technician", "due_at",
        "updated_at",
    )  # fmt: skip
    column_filters = ("status",)
    column_searchable_list = ("ticket", "problem", "customer.name", "customer.email")
    column_default_sort = [("is_open", True), ("due_at", False), ("id", False)]
    page_size = 50
    simple_list_pager = PEER == "tuned"


application = Flask(__name__)
application.config.update(
    SECRET_KEY="bench",
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"),
    SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 8},
)
db.init_app(application)
Babel(application)  # Flask-Admin wants it where Flask-Babel is installed
with application.app_context():
    Admin(application, name="bench").add_view(RepairView(Repair, db, endpoint="repair"))
