"""Orders: the actions of their parties, the page of an order, pickup and shipment.

A request of a party enters at a route of the service and leaves by one call in `repository`. A
pickup code passes `pickup`, which keeps it secret from the database. SQL holds every rule about
states. Payments and refunds belong to `market.payments`.
"""
