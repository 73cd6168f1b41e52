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
