-- This migration creates the tables of orders, the payments of buyers, and the ledger, which books
-- all money.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Orders: tables.

create type public.order_state as enum (
  'pending_payment', 'paid', 'ready_for_handover', 'shipped', 'delivered', 'released', 'refunded',
  'cancelled', 'disputed'
);
comment on type public.order_state is 'The progress of an order. The legal moves are rows of private.order_transitions.';

create type public.actor_kind as enum ('buyer', 'seller', 'system', 'stripe', 'admin');
comment on type public.actor_kind is 'The role in which an actor moves an order. system: our own jobs. stripe: an event or answer of Stripe.';

create table public.orders (
  id uuid not null,
  listing_id uuid not null,
  auction_id uuid not null,
  winning_bid_id uuid not null,
  buyer_id uuid not null,
  seller_id uuid not null,
  amount_cents bigint not null,
  platform_fee_cents bigint not null,
  seller_amount_cents bigint not null,
  currency text not null default 'aud',
  state public.order_state not null default 'pending_payment',
  state_before_dispute public.order_state,
  stripe_payment_intent_id text,
  payment_due_at timestamptz not null,
  paid_at timestamptz,
  ready_at timestamptz,
  shipped_at timestamptz,
  delivered_at timestamptz,
  released_at timestamptz,
  refunded_at timestamptz,
  cancelled_at timestamptz,
  cancel_reason text,
  refunded_cents bigint not null default 0,
  refund_pending boolean not null default false,
  protection_eligible boolean not null default true,
  version integer not null default 1,
  platform_fee_bps integer not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint orders_pkey primary key (id),
  constraint orders_listing_id_fkey foreign key (listing_id) references public.listings (id),
  constraint orders_auction_id_fkey foreign key (auction_id) references public.auctions (id),
  constraint orders_winning_bid_id_fkey foreign key (winning_bid_id) references public.bids (id),
  constraint orders_buyer_id_fkey foreign key (buyer_id) references public.users (id),
  constraint orders_seller_id_fkey foreign key (seller_id) references public.users (id),
  constraint orders_auction_id_key unique (auction_id),
  constraint orders_stripe_payment_intent_id_key unique (stripe_payment_intent_id),
  constraint orders_id_follows_from_the_auction
  check (id = md5('order:' || auction_id::text)::uuid),
  constraint orders_parties_differ check (buyer_id <> seller_id),
  constraint orders_amount_can_be_collected check (amount_cents between 1 and 99999999),
  constraint orders_fee_split_adds_up check (
    platform_fee_cents >= 0
    and seller_amount_cents >= 0
    and platform_fee_cents + seller_amount_cents = amount_cents
  ),
  constraint orders_fee_rate_is_a_share check (platform_fee_bps between 0 and 10000),
  constraint orders_are_in_australian_dollars check (currency = 'aud'),
  constraint orders_refund_at_most_the_amount check (refunded_cents between 0 and amount_cents),
  constraint orders_need_an_intent_once_paid check (
    state in ('pending_payment', 'cancelled') or stripe_payment_intent_id is not null
  ),
  constraint orders_remember_the_state_before_a_dispute check (
    (state = 'disputed') = (state_before_dispute is not null)
  )
);
comment on table public.orders is 'One order for each won auction. Its id follows from the auction''s id, so an order that is created again after a restore has the id that Stripe''s metadata names.';
comment on column public.orders.stripe_payment_intent_id is 'The current intent. A payment by another intent is a stray and is refunded.';
comment on column public.orders.refund_pending is 'True while a refund of the settling payment is pending. The parties cannot move the order meanwhile.';
comment on column public.orders.platform_fee_bps is 'The fee rate at the sale, in hundredths of a percent. It also applies to the rest after a refund.';

create index orders_listing_id_idx on public.orders (listing_id);
create index orders_winning_bid_id_idx on public.orders (winning_bid_id);
create index orders_buyer_id_created_at_idx on public.orders (buyer_id, created_at desc);
create index orders_seller_id_created_at_idx on public.orders (seller_id, created_at desc);
-- Staff read the newest orders of all parties.
create index orders_created_at_idx on public.orders (created_at desc);
create index orders_unpaid_payment_due_at_idx on public.orders (payment_due_at)
where state = 'pending_payment';
create index orders_handover_paid_at_idx on public.orders (paid_at)
where state in ('paid', 'ready_for_handover');
create index orders_shipped_at_idx on public.orders (shipped_at) where state = 'shipped';
create index orders_delivered_at_idx on public.orders (delivered_at) where state = 'delivered';

create table public.order_events (
  id bigint generated always as identity,
  order_id uuid not null,
  from_state public.order_state,
  to_state public.order_state not null,
  actor_id uuid,
  actor_kind public.actor_kind not null,
  reason text,
  created_at timestamptz not null default now(),
  constraint order_events_pkey primary key (id),
  constraint order_events_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint order_events_actor_id_fkey foreign key (actor_id) references public.users (id)
);
comment on table public.order_events is 'The history of all orders, append only. The first event of an order has no from_state.';

create index order_events_order_id_id_idx on public.order_events (order_id, id);
create index order_events_actor_id_idx on public.order_events (actor_id);

create table private.order_transitions (
  from_state public.order_state not null,
  to_state public.order_state not null,
  actor_kinds public.actor_kind[] not null,
  needs text,
  constraint order_transitions_pkey primary key (from_state, to_state),
  constraint order_transitions_move check (from_state <> to_state),
  constraint order_transitions_name_who_may check (cardinality(actor_kinds) > 0),
  constraint order_transitions_needs_is_known check (
    needs in ('pickup', 'money_back', 'state_before_dispute', 'shipping')
  )
);
comment on table private.order_transitions is 'The legal moves of an order, with the actors that may make each. needs is a condition. pickup, shipping: the listing offers it. money_back: all captured money is refunded or lost in disputes. state_before_dispute: the move leads to the state before the dispute.';

insert into private.order_transitions (from_state, to_state, actor_kinds, needs) values
('pending_payment', 'paid', '{stripe}', null),
('pending_payment', 'cancelled', '{buyer,seller,system,admin}', null),
('paid', 'ready_for_handover', '{seller}', null),
('paid', 'shipped', '{seller}', 'shipping'),
('paid', 'delivered', '{buyer}', 'pickup'),
('paid', 'cancelled', '{stripe,admin}', 'money_back'),
('paid', 'refunded', '{stripe,admin}', 'money_back'),
('paid', 'disputed', '{buyer,seller,stripe,admin}', null),
('ready_for_handover', 'shipped', '{seller}', 'shipping'),
('ready_for_handover', 'delivered', '{buyer}', null),
('ready_for_handover', 'cancelled', '{stripe,admin}', 'money_back'),
('ready_for_handover', 'refunded', '{stripe,admin}', 'money_back'),
('ready_for_handover', 'disputed', '{buyer,seller,stripe,admin}', null),
('shipped', 'delivered', '{buyer,system}', null),
('shipped', 'refunded', '{stripe,admin}', 'money_back'),
('shipped', 'disputed', '{buyer,seller,stripe,admin}', null),
('delivered', 'released', '{buyer,system}', null),
('delivered', 'refunded', '{stripe,admin}', 'money_back'),
('delivered', 'disputed', '{buyer,seller,stripe,admin}', null),
('released', 'disputed', '{stripe}', null),
('released', 'refunded', '{stripe,admin}', 'money_back'),
('disputed', 'released', '{stripe,admin}', null),
('disputed', 'refunded', '{stripe,admin}', 'money_back'),
('disputed', 'paid', '{stripe,admin}', 'state_before_dispute'),
('disputed', 'ready_for_handover', '{stripe,admin}', 'state_before_dispute'),
('disputed', 'shipped', '{stripe,admin}', 'state_before_dispute'),
('disputed', 'delivered', '{stripe,admin}', 'state_before_dispute');

create table private.order_actions (
  action text not null,
  actor_kind public.actor_kind not null,
  from_state public.order_state not null,
  to_state public.order_state not null,
  needs_refund boolean not null,
  constraint order_actions_pkey primary key (action, actor_kind, from_state),
  constraint order_actions_are_of_a_party check (actor_kind in ('buyer', 'seller')),
  constraint order_actions_that_refund_return_the_money check (
    not needs_refund or to_state in ('refunded', 'cancelled')
  )
);
comment on table private.order_actions is 'The actions of the parties, with the states in which each is possible. An action with needs_refund queues a refund of all that is left; the order moves to to_state when Stripe has made it.';

insert into private.order_actions (action, actor_kind, from_state, to_state, needs_refund) values
('mark_ready', 'seller', 'paid', 'ready_for_handover', false),
('mark_shipped', 'seller', 'ready_for_handover', 'shipped', false),
('confirm_delivery', 'buyer', 'shipped', 'delivered', false),
('release_funds', 'buyer', 'delivered', 'released', false),
('cancel', 'buyer', 'pending_payment', 'cancelled', false),
('cancel', 'seller', 'pending_payment', 'cancelled', false),
('cancel', 'buyer', 'paid', 'cancelled', true),
('cancel', 'seller', 'paid', 'cancelled', true),
('cancel', 'seller', 'ready_for_handover', 'cancelled', true),
('refund', 'seller', 'paid', 'refunded', true),
('refund', 'seller', 'ready_for_handover', 'refunded', true),
('refund', 'seller', 'shipped', 'refunded', true),
('refund', 'seller', 'delivered', 'refunded', true);

-- Payments: tables.

create type public.payment_status as enum (
  'requires_payment', 'processing', 'authorized', 'captured', 'failed', 'cancelled',
  'partially_refunded', 'refunded'
);
comment on type public.payment_status is 'The progress of one PaymentIntent. From captured on, the ledger contains its money.';

create type public.refund_status as enum ('pending', 'succeeded', 'failed', 'canceled');
comment on type public.refund_status is 'The progress of a refund in Stripe''s words. pending: the amount is reserved. Only succeeded counts as money back.';

create type public.refund_target as enum ('refunded', 'cancelled', 'none');
comment on type public.refund_target is 'The state that an order gets when all of its money is back. none: the payment is a stray, which never moves the order.';

create table public.payments (
  id uuid not null default gen_random_uuid(),
  order_id uuid not null,
  provider text not null default 'stripe',
  provider_ref text,
  stripe_payment_intent_id text not null,
  stripe_charge_id text,
  status public.payment_status not null default 'requires_payment',
  amount_cents bigint not null,
  fee_cents bigint not null default 0,
  capturable_amount_cents bigint not null default 0,
  currency text not null,
  payment_method text,
  settles_order boolean not null default false,
  error_message text,
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint payments_pkey primary key (id),
  constraint payments_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint payments_order_id_stripe_payment_intent_id_key
  unique (order_id, stripe_payment_intent_id),
  constraint payments_stripe_payment_intent_id_key unique (stripe_payment_intent_id),
  constraint payments_stripe_charge_id_key unique (stripe_charge_id),
  constraint payments_amounts_are_not_negative check (
    amount_cents >= 0 and fee_cents >= 0 and capturable_amount_cents >= 0
  ),
  constraint payments_currency_is_a_code check (currency ~ '^[a-z]{3}$'),
  constraint payments_settle_by_captured_money check (
    not settles_order or status in ('captured', 'partially_refunded', 'refunded')
  )
);
comment on table public.payments is 'Every PaymentIntent of every order, strays included, with the amount and the currency that Stripe reports. An intent belongs to one order for ever.';

create unique index payments_settling_order_id_key on public.payments (order_id)
where settles_order;
create index payments_open_created_at_idx on public.payments (created_at)
where status in ('requires_payment', 'processing', 'authorized', 'failed');

create table private.intent_errors (
  order_id uuid not null,
  attempt integer not null,
  answered_errors integer not null default 0,
  is_email_refused boolean not null default false,
  created_at timestamptz not null default now(),
  constraint intent_errors_pkey primary key (order_id, attempt),
  constraint intent_errors_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint intent_errors_answered_errors_is_not_negative check (answered_errors >= 0)
);
comment on table private.intent_errors is 'Errors that Stripe answered to the creation of a PaymentIntent, per attempt to pay. Stripe replays an error under its idempotency key for a day, so the count is part of the next key.';
comment on column private.intent_errors.is_email_refused is 'Stripe refused the address for the receipt, so the next intent has no address.';

create table public.refunds (
  id uuid not null default gen_random_uuid(),
  order_id uuid not null,
  payment_id uuid not null,
  stripe_refund_id text,
  idempotency_key text,
  amount_cents bigint not null,
  status public.refund_status not null default 'pending',
  target_state public.refund_target not null,
  reason text,
  initiated_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  request jsonb,
  constraint refunds_pkey primary key (id),
  constraint refunds_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint refunds_payment_id_fkey foreign key (payment_id) references public.payments (id),
  constraint refunds_initiated_by_fkey foreign key (initiated_by) references public.users (id),
  constraint refunds_stripe_refund_id_key unique (stripe_refund_id),
  constraint refunds_idempotency_key_key unique (idempotency_key),
  constraint refunds_amount_is_positive check (amount_cents > 0)
);
comment on table public.refunds is 'Money that goes back to a buyer. The row reserves the amount, the outbox sends the refund, and Stripe''s result settles it. A refund without a key was made in Stripe''s dashboard.';
comment on column public.refunds.request is 'payment_intent_id and amount_cents as the caller sent them, each null if the caller left it out. The column is null for a refund that no caller requested.';

create index refunds_order_id_idx on public.refunds (order_id);
create index refunds_payment_id_idx on public.refunds (payment_id);
create index refunds_initiated_by_idx on public.refunds (initiated_by);
create index refunds_pending_created_at_idx on public.refunds (created_at)
where status = 'pending';
create index refunds_refused_payment_id_idx on public.refunds (payment_id)
where status = 'failed' and stripe_refund_id is null;

-- Ledger: tables.

create type public.ledger_type
as enum ('AUTH', 'CAPTURE', 'HOLD', 'RELEASE', 'FEE', 'PAYOUT', 'REFUND', 'ADJUST');
comment on type public.ledger_type is 'The step of an order that an entry belongs to.';

create type public.ledger_account as enum (
  'buyer', 'stripe_clearing', 'platform_fee', 'seller_payable', 'refunds', 'dispute_hold'
);
comment on type public.ledger_account is 'The accounts of each order. A positive amount is a debit.';

create type private.ledger_line as (
  account public.ledger_account,
  entry_type public.ledger_type,
  amount_cents bigint
);
comment on type private.ledger_line is 'One line of a posting, before it is written for an order.';

create type private.ledger_shares as (
  buyer_cents bigint,
  seller_cents bigint,
  platform_cents bigint
);
comment on type private.ledger_shares is 'The amounts that a payment puts on the accounts buyer, seller_payable and platform_fee, transfers aside.';

create table public.ledger_entries (
  id uuid not null default gen_random_uuid(),
  txn_id uuid not null,
  order_id uuid not null,
  user_id uuid,
  account public.ledger_account not null,
  entry_type public.ledger_type not null,
  amount_cents bigint not null,
  currency text not null,
  description text not null,
  meta jsonb not null default '{}',
  fact text not null,
  created_at timestamptz not null default now(),
  constraint ledger_entries_pkey primary key (id),
  constraint ledger_entries_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint ledger_entries_user_id_fkey foreign key (user_id) references public.users (id),
  constraint ledger_entries_order_id_entry_type_account_fact_key
  unique (order_id, entry_type, account, fact),
  constraint ledger_entries_say_something check (amount_cents <> 0),
  constraint ledger_entries_currency_is_a_code check (currency ~ '^[a-z]{3}$')
);
comment on table public.ledger_entries is 'Double-entry ledger in integer cents, append only. Each txn_id sums to zero per currency. A fact names what happened, not the message that reported it, and is posted once.';

create index ledger_entries_txn_id_idx on public.ledger_entries (txn_id);
create index ledger_entries_user_id_idx on public.ledger_entries (user_id);
-- Entries are added in the order of this time, so a summary of each block is enough.
create index ledger_entries_created_at_idx on public.ledger_entries using brin (created_at);
