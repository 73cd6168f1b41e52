set lock_timeout = '2s';
set statement_timeout = '30s';

create type public.payout_status as enum ('queued', 'paid', 'reversed', 'canceled', 'dead');
comment on type public.payout_status is 'The progress of a payout. paid: Stripe has made the transfer. reversed: all of it came back. A canceled payout was not sent, and a later one may replace it.';

create table public.payouts (
  id uuid not null default gen_random_uuid(),
  order_id uuid not null,
  seller_id uuid not null,
  outbox_id uuid,
  stripe_transfer_id text,
  amount_cents bigint not null,
  reversed_cents bigint not null default 0,
  status public.payout_status not null default 'queued',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint payouts_pkey primary key (id),
  constraint payouts_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint payouts_seller_id_fkey foreign key (seller_id) references public.users (id),
  constraint payouts_outbox_id_fkey foreign key (outbox_id) references public.outbox (id),
  constraint payouts_outbox_id_key unique (outbox_id),
  constraint payouts_stripe_transfer_id_key unique (stripe_transfer_id),
  constraint payouts_amount_is_positive check (amount_cents > 0),
  constraint payouts_reversed_at_most_the_amount
  check (reversed_cents between 0 and amount_cents),
  constraint payouts_are_made_by_a_transfer check (
    (status in ('paid', 'reversed')) = (stripe_transfer_id is not null)
  ),
  constraint payouts_reversed_means_all_of_it check (
    (status = 'reversed') = (status in ('paid', 'reversed') and reversed_cents = amount_cents)
  )
);
comment on table public.payouts is 'Transfers to sellers, in whole cents of the order''s currency. A payout without an outbox row was made in Stripe''s dashboard.';
comment on column public.payouts.amount_cents is 'The amount of the transfer. Until it is sent, the amount that was due when the row was written.';
comment on column public.payouts.reversed_cents is 'The part of the transfer that came back from the seller''s account.';

create index payouts_order_id_idx on public.payouts (order_id);
create index payouts_seller_id_created_at_idx on public.payouts (seller_id, created_at desc);

create type public.dispute_state as enum ('open', 'needs_evidence', 'review', 'resolved');
comment on type public.dispute_state is 'The stage of a dispute as the order pages read it. It follows from the status.';

create type public.dispute_status
as enum ('open', 'under_review', 'resolved', 'closed', 'escalated');
comment on type public.dispute_status is 'The progress of a dispute. resolved: staff decided. closed: Stripe decided. The others are open.';

create type public.dispute_type as enum (
  'item_not_received', 'item_not_as_described', 'damaged_item', 'wrong_item', 'other'
);
comment on type public.dispute_type is 'The kind of complaint.';

create type public.dispute_decision as enum ('refund', 'partial', 'deny');
comment on type public.dispute_decision is 'The decision of staff: all money back, a part of it, or none.';

create type public.dispute_resolution_type as enum (
  'full_refund', 'partial_refund', 'replacement', 'compensation', 'no_action'
);
comment on type public.dispute_resolution_type is 'The result of a dispute as the dispute pages read it.';

create table public.disputes (
  id uuid not null default gen_random_uuid(),
  order_id uuid not null,
  payment_id uuid,
  initiator_id uuid not null,
  respondent_id uuid not null,
  dispute_type public.dispute_type not null,
  reason text not null,
  description text,
  amount_cents bigint not null,
  withdrawn_cents bigint not null default 0,
  reinstated_cents bigint not null default 0,
  currency text not null,
  status public.dispute_status not null default 'open',
  state public.dispute_state not null default 'open',
  decision public.dispute_decision,
  refund_cents bigint,
  resolution text,
  resolution_type public.dispute_resolution_type,
  refund_amount_cents bigint,
  admin_notes text,
  evidence_urls text[] not null default '{}',
  stripe_dispute_id text,
  stripe_status text,
  resolved_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint disputes_pkey primary key (id),
  constraint disputes_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint disputes_payment_id_fkey foreign key (payment_id) references public.payments (id),
  constraint disputes_initiator_id_fkey foreign key (initiator_id) references public.users (id),
  constraint disputes_respondent_id_fkey foreign key (respondent_id) references public.users (id),
  constraint disputes_stripe_dispute_id_key unique (stripe_dispute_id),
  constraint disputes_parties_differ check (initiator_id <> respondent_id),
  constraint disputes_amounts_are_not_negative check (
    amount_cents >= 0
    and withdrawn_cents >= 0
    and reinstated_cents between 0 and withdrawn_cents
    and refund_cents >= 0
    and refund_amount_cents >= 0
  ),
  constraint disputes_currency_is_a_code check (currency ~ '^[a-z]{3}$'),
  constraint disputes_of_stripe_name_a_payment check (
    (stripe_dispute_id is null) = (payment_id is null)
    and (stripe_dispute_id is null) = (stripe_status is null)
  ),
  constraint disputes_only_stripe_withdraws check (
    stripe_dispute_id is not null or withdrawn_cents = 0
  )
);
comment on table public.disputes is 'Complaints about an order: those that a party opens here, and those that Stripe reports. Amounts are whole cents.';
comment on column public.disputes.payment_id is 'The payment that Stripe''s dispute is about. Null for a dispute that a party opened here.';
comment on column public.disputes.withdrawn_cents is 'The money that Stripe has taken from us for the dispute so far.';
comment on column public.disputes.reinstated_cents is 'The part of the withdrawn money that Stripe has given back.';

create unique index disputes_open_order_id_key on public.disputes (order_id)
where status in ('open', 'under_review', 'escalated') and stripe_dispute_id is null;
create index disputes_order_id_idx on public.disputes (order_id);
create index disputes_payment_id_idx on public.disputes (payment_id);
create index disputes_initiator_id_idx on public.disputes (initiator_id);
create index disputes_respondent_id_idx on public.disputes (respondent_id);

create type public.evidence_type as enum ('photo', 'document', 'screenshot', 'other');
comment on type public.evidence_type is 'The kind of a piece of evidence.';

create table public.dispute_evidence (
  id uuid not null default gen_random_uuid(),
  dispute_id uuid not null,
  user_id uuid not null,
  evidence_type public.evidence_type not null,
  title text not null,
  description text,
  file_url text,
  path text, -- noqa: RF04
  created_at timestamptz not null default now(),
  constraint dispute_evidence_pkey primary key (id),
  constraint dispute_evidence_dispute_id_fkey
  foreign key (dispute_id) references public.disputes (id),
  constraint dispute_evidence_user_id_fkey foreign key (user_id) references public.users (id),
  constraint dispute_evidence_path_key unique (path),
  constraint dispute_evidence_title_is_a_line check (char_length(title) between 1 and 140),
  constraint dispute_evidence_description_is_short check (char_length(description) <= 1000)
);
comment on table public.dispute_evidence is 'Files that a party or staff added to a dispute.';

create index dispute_evidence_dispute_id_idx on public.dispute_evidence (dispute_id);
create index dispute_evidence_user_id_idx on public.dispute_evidence (user_id);

create type public.dispute_message_type as enum ('user', 'admin', 'system');
comment on type public.dispute_message_type is 'The author of a message: a party, staff, or the system in the name of a party.';

create table public.dispute_messages (
  id uuid not null default gen_random_uuid(),
  dispute_id uuid not null,
  sender_id uuid not null,
  message_type public.dispute_message_type not null default 'user',
  content text not null, -- noqa: RF04
  is_internal boolean not null default false,
  attachment_url text,
  attachment_name text,
  attachment_size bigint,
  created_at timestamptz not null default now(),
  constraint dispute_messages_pkey primary key (id),
  constraint dispute_messages_dispute_id_fkey
  foreign key (dispute_id) references public.disputes (id),
  constraint dispute_messages_sender_id_fkey foreign key (sender_id) references public.users (id),
  constraint dispute_messages_content_is_short check (char_length(content) between 1 and 1000),
  constraint dispute_messages_attachment_size_is_positive check (attachment_size > 0)
);
comment on table public.dispute_messages is 'Messages about a dispute. Only staff read internal ones.';

create index dispute_messages_dispute_id_created_at_idx
on public.dispute_messages (dispute_id, created_at);
create index dispute_messages_sender_id_idx on public.dispute_messages (sender_id);

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
  locked boolean not null default false, -- noqa: RF04
  expires_at timestamptz not null,
  redeemed_by uuid,
  redeemed_at timestamptz,
  location jsonb, -- noqa: RF04
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
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
  status text not null, -- noqa: RF04
  description text,
  location text, -- noqa: RF04
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

create table private.job_runs (
  id bigint generated always as identity,
  job text not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  processed integer not null default 0,
  failed integer not null default 0,
  error text,
  constraint job_runs_pkey primary key (id),
  constraint job_runs_counts_are_not_negative check (processed >= 0 and failed >= 0)
);
comment on table private.job_runs is 'Runs of the periodic jobs, with the number of items that each processed or failed to process.';

create index job_runs_job_started_at_idx on private.job_runs (job, started_at desc);

alter table public.payouts enable row level security;
grant select (
  id, order_id, seller_id, outbox_id, stripe_transfer_id, amount_cents, reversed_cents, status,
  created_at, updated_at
) on public.payouts to authenticated;

create policy sellers_read_their_payouts on public.payouts
for select to authenticated
using (seller_id = (select auth.uid()) or (select private.is_staff()));
comment on policy sellers_read_their_payouts on public.payouts is 'The seller and staff read a payout.';

alter table public.disputes enable row level security;
grant select (
  id, order_id, payment_id, initiator_id, respondent_id, dispute_type, reason, description,
  amount_cents, withdrawn_cents, reinstated_cents, currency, status, state, decision,
  refund_cents, resolution, resolution_type, refund_amount_cents, admin_notes, evidence_urls,
  stripe_dispute_id, stripe_status, resolved_at, created_at, updated_at
) on public.disputes to authenticated;
-- Realtime publishes the table, and sends a change only to roles that may select the key.
grant select (id) on public.disputes to service_role;

create policy parties_read_their_disputes on public.disputes
for select to authenticated
using (
  initiator_id = (select auth.uid())
  or respondent_id = (select auth.uid())
  or (select private.is_staff())
);
comment on policy parties_read_their_disputes on public.disputes is 'The parties of the order and staff read a dispute.';

alter table public.dispute_evidence enable row level security;
grant select (
  id, dispute_id, user_id, evidence_type, title, description, file_url, path, created_at
) on public.dispute_evidence to authenticated;
grant select (id) on public.dispute_evidence to service_role;

create policy parties_read_the_evidence on public.dispute_evidence
for select to authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all disputes.
using ((
  select true from public.disputes
  where disputes.id = dispute_evidence.dispute_id
));
comment on policy parties_read_the_evidence on public.dispute_evidence is 'Everyone who may read the dispute reads its evidence.';

alter table public.dispute_messages enable row level security;
grant select (
  id, dispute_id, sender_id, message_type, content, is_internal, attachment_url,
  attachment_name, attachment_size, created_at
) on public.dispute_messages to authenticated;
grant select (id) on public.dispute_messages to service_role;

create policy parties_read_dispute_messages on public.dispute_messages
for select to authenticated
using (
  (not is_internal or (select private.is_staff()))
  and (
    select true from public.disputes
    where disputes.id = dispute_messages.dispute_id
  )
);
comment on policy parties_read_dispute_messages on public.dispute_messages is 'The parties read the messages of their dispute, but only staff read internal ones.';

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

alter table private.job_runs enable row level security;

create trigger payouts_stamp_updated_at
before update on public.payouts
for each row execute function private.stamp_updated_at();

create trigger disputes_stamp_updated_at
before update on public.disputes
for each row execute function private.stamp_updated_at();

create trigger pickups_stamp_updated_at
before update on private.pickups
for each row execute function private.stamp_updated_at();

create trigger shipments_stamp_updated_at
before update on public.shipments
for each row execute function private.stamp_updated_at();

alter publication supabase_realtime add table public.disputes;
alter publication supabase_realtime add table public.dispute_messages;
alter publication supabase_realtime add table public.dispute_evidence;

-- Statistics would let a planner's estimate count rows that row level security hides.
alter table public.payouts
  alter column id set statistics 0,
  alter column order_id set statistics 0,
  alter column seller_id set statistics 0,
  alter column outbox_id set statistics 0,
  alter column stripe_transfer_id set statistics 0,
  alter column amount_cents set statistics 0,
  alter column reversed_cents set statistics 0,
  alter column status set statistics 0,
  alter column created_at set statistics 0,
  alter column updated_at set statistics 0;
alter table public.disputes
  alter column id set statistics 0,
  alter column order_id set statistics 0,
  alter column payment_id set statistics 0,
  alter column initiator_id set statistics 0,
  alter column respondent_id set statistics 0,
  alter column dispute_type set statistics 0,
  alter column reason set statistics 0,
  alter column description set statistics 0,
  alter column amount_cents set statistics 0,
  alter column withdrawn_cents set statistics 0,
  alter column reinstated_cents set statistics 0,
  alter column currency set statistics 0,
  alter column status set statistics 0,
  alter column state set statistics 0,
  alter column decision set statistics 0,
  alter column refund_cents set statistics 0,
  alter column resolution set statistics 0,
  alter column resolution_type set statistics 0,
  alter column refund_amount_cents set statistics 0,
  alter column admin_notes set statistics 0,
  alter column evidence_urls set statistics 0,
  alter column stripe_dispute_id set statistics 0,
  alter column stripe_status set statistics 0,
  alter column resolved_at set statistics 0,
  alter column created_at set statistics 0,
  alter column updated_at set statistics 0;
alter table public.dispute_evidence
  alter column id set statistics 0,
  alter column dispute_id set statistics 0,
  alter column user_id set statistics 0,
  alter column evidence_type set statistics 0,
  alter column title set statistics 0,
  alter column description set statistics 0,
  alter column file_url set statistics 0,
  alter column path set statistics 0,
  alter column created_at set statistics 0;
alter table public.dispute_messages
  alter column id set statistics 0,
  alter column dispute_id set statistics 0,
  alter column sender_id set statistics 0,
  alter column message_type set statistics 0,
  alter column content set statistics 0,
  alter column is_internal set statistics 0,
  alter column attachment_url set statistics 0,
  alter column attachment_name set statistics 0,
  alter column attachment_size set statistics 0,
  alter column created_at set statistics 0;
alter table public.shipments
  alter column id set statistics 0,
  alter column order_id set statistics 0,
  alter column carrier set statistics 0,
  alter column tracking set statistics 0,
  alter column label_url set statistics 0,
  alter column first_scan_at set statistics 0,
  alter column delivered_at set statistics 0,
  alter column created_at set statistics 0,
  alter column updated_at set statistics 0;
alter table public.shipment_events
  alter column id set statistics 0,
  alter column shipment_id set statistics 0,
  alter column status set statistics 0,
  alter column description set statistics 0,
  alter column location set statistics 0,
  alter column event_time set statistics 0,
  alter column created_at set statistics 0;
