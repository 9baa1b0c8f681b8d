"""The ERP: orders and master data in, planned dates out.

One ERP a file, all with the signature of :mod:`twin.erp.signature`. Read :mod:`twin.erp.tryton`
first, then write your own. Imports ``twin.model``, ``twin.connectors``, ``twin.errors`` and
``twin.secrets`` only.
"""
