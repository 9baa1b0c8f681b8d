"""Tryton servers, offered to the tests of the ERP connectors."""

from tests.services.trytond import erp, shared_erp

__all__ = ["erp", "shared_erp"]
