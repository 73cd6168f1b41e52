-- This migration creates the tables of payouts, checks of identity, disputes, stored files, and
-- fulfilment.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Payouts: tables.

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
create index payouts_canceled_order_id_idx on public.payouts (order_id) where status = 'canceled';

create table private.connect_accounts (
  user_id uuid not null,
  answered_errors integer not null default 0,
  reads_begun bigint not null default 0,
  reads_applied bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint connect_accounts_pkey primary key (user_id),
  constraint connect_accounts_user_id_fkey foreign key (user_id) references public.users (id),
  constraint connect_accounts_answered_errors_is_not_negative check (answered_errors >= 0),
  constraint connect_accounts_reads_begin_first check (reads_applied between 0 and reads_begun)
);
comment on table private.connect_accounts is 'The dealings with Stripe about each seller''s Connect account. The account''s id and payouts_enabled are columns of users.';
comment on column private.connect_accounts.answered_errors is 'The number of errors that Stripe answered to the creation of the account. It is part of the idempotency key.';
comment on column private.connect_accounts.reads_begun is 'The number of reads of the account at Stripe that have begun. A later read contains everything that an earlier one was begun for.';
comment on column private.connect_accounts.reads_applied is 'The number of the latest read that was applied. The result of an earlier read is out of date.';

-- Kyc: tables.

create type private.verification_status
as enum ('starting', 'requires_input', 'processing', 'verified', 'canceled');
comment on type private.verification_status is 'The state of a verification. starting: we have not learnt the session''s id from Stripe yet. The others are Stripe''s own words.';

create type private.redaction_state as enum ('none', 'requested', 'processing', 'redacted');
comment on type private.redaction_state is 'The progress of a redaction. requested: its outbox row is queued. processing: Stripe has accepted it. redacted: Stripe has confirmed that the personal data are gone.';

create table private.kyc_sessions (
  id uuid not null default gen_random_uuid(),
  user_id uuid,
  stripe_session_id text,
  status private.verification_status not null default 'starting',
  reason_code text,
  last_event_at timestamptz,
  completed_at timestamptz,
  redaction private.redaction_state not null default 'none',
  redaction_requested_at timestamptz,
  redacted_at timestamptz,
  answered_errors integer not null default 0,
  reads_begun bigint not null default 0,
  reads_applied bigint not null default 0,
  checked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint kyc_sessions_pkey primary key (id),
  constraint kyc_sessions_user_id_fkey foreign key (user_id) references public.users (id)
  on delete set null,
  constraint kyc_sessions_stripe_session_id_key unique (stripe_session_id),
  constraint kyc_sessions_starting_has_no_id
  check ((status = 'starting') = (stripe_session_id is null)),
  constraint kyc_sessions_reason_code_is_a_word
  check (reason_code collate "C" ~ '^[a-z]+(_[a-z]+)*$' and char_length(reason_code) <= 100),
  constraint kyc_sessions_answered_errors_is_not_negative check (answered_errors >= 0),
  constraint kyc_sessions_reads_begin_first check (reads_applied between 0 and reads_begun)
);
comment on table private.kyc_sessions is 'Verifications of people, each a session of Stripe Identity. It holds status, reason code and times, and nothing from a document.';
comment on column private.kyc_sessions.user_id is 'The person. Null once the account was deleted whole; the row stays until its redaction is confirmed.';
comment on column private.kyc_sessions.last_event_at is 'The time, by Stripe''s clock, of the newest event that was applied.';
comment on column private.kyc_sessions.answered_errors is 'The number of errors that Stripe answered to the creation of the session. It is part of the idempotency key.';
comment on column private.kyc_sessions.reads_begun is 'The number of reads of the session at Stripe that have begun. A later read contains everything that an earlier one was begun for.';
comment on column private.kyc_sessions.reads_applied is 'The number of the latest read that was applied. The result of an earlier read is out of date.';
comment on column private.kyc_sessions.checked_at is 'The time at which reconcile last claimed the session, to read it again.';

create unique index kyc_sessions_one_open_per_user_key on private.kyc_sessions (user_id)
where status in ('starting', 'requires_input', 'processing');
create index kyc_sessions_user_id_created_at_idx
on private.kyc_sessions (user_id, created_at desc);
create index kyc_sessions_unfinished_idx on private.kyc_sessions (checked_at)
where status in ('requires_input', 'processing') or redaction in ('requested', 'processing');

create table private.kyc_attempts (
  report_id text not null,
  session_id uuid not null,
  user_id uuid not null,
  failed_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint kyc_attempts_pkey primary key (report_id),
  constraint kyc_attempts_session_id_fkey foreign key (session_id)
  references private.kyc_sessions (id) on delete cascade,
  constraint kyc_attempts_user_id_fkey foreign key (user_id)
  references public.users (id) on delete cascade
);
comment on table private.kyc_attempts is 'Failed checks of documents, each with the id of Stripe''s report, so each check counts once. A session that its user left counts none.';

create index kyc_attempts_user_id_failed_at_idx on private.kyc_attempts (user_id, failed_at desc);
create index kyc_attempts_session_id_idx on private.kyc_attempts (session_id);

-- Disputes: tables.

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
create index disputes_created_at_idx on public.disputes (created_at desc);
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
  path text,
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
  content text not null,
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

-- Storage: tables.

-- Only the service writes objects, with the secret key. The limits here repeat its own checks.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
(
  'listing-photos', 'listing-photos', true, 10485760,
  '{image/jpeg,image/png,image/webp}'
),
(
  'evidence-uploads', 'evidence-uploads', false, 10485760,
  '{image/jpeg,image/png,image/webp,application/pdf}'
),
(
  'profile-avatars', 'profile-avatars', true, 5242880,
  '{image/jpeg,image/png,image/webp}'
),
(
  'address-proofs', 'address-proofs', false, 10485760,
  '{image/jpeg,image/png,image/webp,application/pdf}'
)
on conflict (id) do update
  set
    public = excluded.public,
    file_size_limit = excluded.file_size_limit,
    allowed_mime_types = excluded.allowed_mime_types;

create table private.stored_files (
  bucket_id text not null,
  path text not null,
  owner_id uuid not null,
  subject_id uuid not null,
  sha256 text not null,
  file_size bigint not null,
  media_type text not null,
  created_at timestamptz not null default now(),
  constraint stored_files_pkey primary key (bucket_id, path),
  constraint stored_files_owner_id_fkey foreign key (owner_id) references public.users (id),
  constraint stored_files_sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),
  constraint stored_files_size_is_positive check (file_size > 0)
);
comment on table private.stored_files is 'Each file that the service keeps in Storage. The reconcile job removes an object that has no row here.';
comment on column private.stored_files.subject_id is 'The listing, the dispute or the user that the file is about.';
comment on column private.stored_files.sha256 is 'Hash of the stored bytes. It shows that an upload repeats an earlier one.';

create index stored_files_owner_id_idx on private.stored_files (owner_id);
create index stored_files_subject_id_idx on private.stored_files (subject_id, sha256);

-- Fulfilment: tables.

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
