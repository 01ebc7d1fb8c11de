"""The change list under test."""

import os

from django.contrib import admin

from .models import Repair


@admin.register(Repair)
class RepairAdmin(admin.ModelAdmin):
    list_display = (
        "ticket", "customer", "phone", "device", "problem", "status", "priority", "technician", "due_at", "updated_at",
    )  # fmt: skip
    list_filter = ("status",)
    search_fields = ("ticket", "problem", "customer__name", "customer__email")
    list_select_related = ("customer", "device", "technician")
    list_per_page = 50
    show_full_result_count = os.environ["PEER"] == "stock"

    @admin.display(ordering="customer__phone")
    def phone(self, repair):
        return repair.customer.phone
