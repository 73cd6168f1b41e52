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
