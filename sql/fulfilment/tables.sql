create table private.order_addresses (
  order_id uuid not null,
  delivery_address jsonb,
  created_at timestamptz not null default now(),
  constraint order_addresses_pkey primary key (order_id),
  constraint order_addresses_order_id_fkey foreign key (order_id) references public.orders (id)
);
comment on table private.order_addresses is 'The buyer''s address as it was at the payment. Only the seller of an order that is shipped gets it, through our service.';

create table private.pickups (
  id uuid not null default gen_random_uuid(),
  order_id uuid not null,
  code_hmac text not null,
  qr_token_hmac text not null,
  attempts integer not null default 0,
  locked boolean not null default false,
  expires_at timestamptz not null,
  redeemed_by uuid,
  redeemed_at timestamptz,
  location jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_request_id uuid,
  constraint pickups_pkey primary key (id),
  constraint pickups_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint pickups_order_id_key unique (order_id),
  constraint pickups_redeemed_by_fkey foreign key (redeemed_by) references public.users (id),
  constraint pickups_hmacs_are_sha256 check (
    (code_hmac collate "C") ~ '^[0-9a-f]{64}$' and (qr_token_hmac collate "C") ~ '^[0-9a-f]{64}$'
  ),
  constraint pickups_attempts_are_not_negative check (attempts >= 0),
  constraint pickups_are_redeemed_by_somebody check (
    (redeemed_by is null) = (redeemed_at is null)
  )
);
comment on table private.pickups is 'The secret code of each order''s pickup, as HMACs under the service''s pepper. A new code replaces the old one.';
comment on column private.pickups.location is 'A place that the parties agree on. No request of the web app names one, so it is null, and the listing has the pickup address.';
comment on column private.pickups.last_request_id is 'The request of the last wrong try. The service may repeat a request, and a repeat is not counted again.';

create index pickups_redeemed_by_idx on private.pickups (redeemed_by);

create table public.shipments (
  id uuid not null default gen_random_uuid(),
  order_id uuid not null,
  carrier text not null,
  tracking text not null,
  label_url text,
  first_scan_at timestamptz,
  delivered_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint shipments_pkey primary key (id),
  constraint shipments_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint shipments_order_id_key unique (order_id),
  constraint shipments_carrier_is_a_line check (char_length(carrier) between 2 and 64),
  constraint shipments_tracking_is_a_line check (char_length(tracking) between 3 and 64),
  constraint shipments_label_url_is_https check (
    label_url ~ '^https://' and char_length(label_url) <= 2048
  )
);
comment on table public.shipments is 'The parcel of an order: carrier and tracking number, as the seller entered them.';

create table public.shipment_events (
  id uuid not null default gen_random_uuid(),
  shipment_id uuid not null,
  status text not null,
  description text,
  location text,
  event_time timestamptz not null,
  created_at timestamptz not null default now(),
  constraint shipment_events_pkey primary key (id),
  constraint shipment_events_shipment_id_fkey
  foreign key (shipment_id) references public.shipments (id),
  constraint shipment_events_status_is_a_line check (char_length(status) between 2 and 64),
  constraint shipment_events_description_is_short check (char_length(description) <= 512),
  constraint shipment_events_location_is_short check (char_length(location) <= 128)
);
comment on table public.shipment_events is 'The steps of a parcel on its way, as the seller reported them.';

create index shipment_events_shipment_id_event_time_idx
on public.shipment_events (shipment_id, event_time);
