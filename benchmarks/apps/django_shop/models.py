"""The peer's tables as Django sees them; they are made by peers.sql."""

from django.db import models

STATES = (
    "received", "diagnosing", "awaiting_approval", "awaiting_parts", "in_repair", "quality_check", "ready",
    "warranty_return", "collected", "shipped", "cancelled", "unrepairable",
)  # fmt: skip


class Technician(models.Model):
    name = models.CharField(max_length=120)

    class Meta:
        managed = False
        db_table = "technicians"

    def __str__(self):
        return self.name


class Device(models.Model):
    label = models.CharField(max_length=160)

    class Meta:
        managed = False
        db_table = "devices"

    def __str__(self):
        return self.label


class Customer(models.Model):
    name = models.CharField(max_length=120)
    email = models.CharField(max_length=254)
    phone = models.CharField(max_length=20)

    class Meta:
        managed = False
        db_table = "customers"

    def __str__(self):
        return self.name


class Repair(models.Model):
    ticket = models.CharField(max_length=16, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    device = models.ForeignKey(Device, on_delete=models.PROTECT)
    technician = models.ForeignKey(Technician, on_delete=models.SET_NULL, null=True, blank=True)
    status = models.CharField(
        max_length=20, choices=[(state, state.replace("_", " ").capitalize()) for state in STATES]
    )
    is_open = models.BooleanField()
    priority = models.SmallIntegerField(choices=[(1, "Urgent"), (2, "High"), (3, "Normal")])
    due_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    problem = models.TextField()

    class Meta:
        managed = False
        db_table = "repairs"
        ordering = ("-is_open", "due_at", "id")

    def __str__(self):
        return self.ticket
