alter table private.order_addresses enable row level security;
alter table private.pickups enable row level security;

alter table public.shipments enable row level security;
grant select (
  id, order_id, carrier, tracking, label_url, first_scan_at, delivered_at, created_at,
  updated_at
) on public.shipments to authenticated;

create policy parties_read_their_shipments on public.shipments
for select to authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all orders.
using ((
  select true from public.orders
  where orders.id = shipments.order_id
));
comment on policy parties_read_their_shipments on public.shipments is 'The parties of an order and staff read its shipment.';

alter table public.shipment_events enable row level security;
grant select (
  id, shipment_id, status, description, location, event_time, created_at
) on public.shipment_events to authenticated;

create policy parties_read_shipment_events on public.shipment_events
for select to authenticated
using ((
  select true from public.shipments
  where shipments.id = shipment_events.shipment_id
));
comment on policy parties_read_shipment_events on public.shipment_events is 'Everyone who may read the shipment reads its events.';
