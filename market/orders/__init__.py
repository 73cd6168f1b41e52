"""Orders: the actions of their parties and the page of an order.

A request of a party enters at a route of the service and leaves by one call in `repository`. SQL
holds every rule about states. Payments and refunds belong to `market.payments`.
"""
