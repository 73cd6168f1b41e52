set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.expected_balances(p_order_id uuid)
returns table (order_id uuid, currency text, account text, cents bigint)
language plpgsql
stable
set search_path = ''
-- One order or all of them: each call gets the plan that fits.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select payments.order_id, payments.currency, line.account, sum(line.cents)::bigint
  from public.payments
    join public.orders on payments.order_id = orders.id
    cross join lateral (
      select
        coalesce(sum(amount_cents) filter (where status = 'pending'), 0) as pending_cents,
        coalesce(sum(amount_cents) filter (where status = 'succeeded'), 0) as paid_out_cents
      from public.refunds
      where payment_id = payments.id
    ) as refunded
    cross join lateral (
      select payments.amount_cents - pending_cents - paid_out_cents as cents
    ) as base
    cross join lateral (
      select case
        when payments.settles_order and orders.released_at is not null
          then private.fee_cents(base.cents::bigint, orders.platform_fee_bps)
      end as cents
    ) as fee
    cross join lateral (
      values
      ('stripe_clearing', payments.amount_cents - paid_out_cents),
      ('refunds', -pending_cents),
      ('buyer', case when fee.cents is null then -base.cents else 0 end),
      ('seller_payable', coalesce(fee.cents - base.cents, 0)),
      ('platform_fee', coalesce(-fee.cents, 0))
    ) as line (account, cents)
  where private.is_captured(payments.status)
    and (p_order_id is null or payments.order_id = p_order_id)
  group by payments.order_id, payments.currency, line.account;
end;
$$;
comment on function private.expected_balances is 'What payments and refunds say that each account holds, of one order or of all. The fee is null where nothing is released: of unpaid, of held and of stray money.';

create function private.belied_columns(p_order_id uuid)
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select orders.id, orders.currency, claim.account, claim.expected_cents, claim.actual_cents
  from public.orders
    left join public.payments
      on orders.id = payments.order_id and payments.settles_order
    cross join lateral (
      values
      (
        'orders.amount_cents',
        coalesce(payments.amount_cents, 0),
        case when orders.paid_at is null then 0 else orders.amount_cents end
      ),
      (
        'orders.refunded_cents',
        coalesce((
          select sum(amount_cents)::bigint from public.refunds
          where payment_id = payments.id and status = 'succeeded'
        ), 0),
        orders.refunded_cents
      )
    ) as claim (account, expected_cents, actual_cents)
  where (p_order_id is null or orders.id = p_order_id)
    and claim.expected_cents <> claim.actual_cents;
end;
$$;
comment on function private.belied_columns is 'What an order says of its money and its payments do not.';

create function private.ledger_drift(p_order_id uuid)
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  with actual as (
    select order_id, currency, account::text as account, sum(amount_cents)::bigint as cents
    from public.ledger_entries
    where p_order_id is null or order_id = p_order_id
    group by order_id, currency, account
  )
  select order_id, currency, account, coalesce(expected.cents, 0), coalesce(actual.cents, 0)
  from private.expected_balances(p_order_id) as expected
    full join actual using (order_id, currency, account)
  where coalesce(expected.cents, 0) <> coalesce(actual.cents, 0)
  union all
  select * from private.belied_columns(p_order_id)
  order by 1, 2, 3;
end;
$$;
comment on function private.ledger_drift is 'Every account of one order, or of all, that the rows behind it belie; see the public wrapper.';
grant execute on function private.ledger_drift to service_role;

create function private.fee_cents(p_amount_cents bigint, p_bps integer)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    -- numeric rounds half away from zero; floating point would not.
    select round(p_amount_cents::numeric * p_bps / 10000)::bigint
  );
end;
$$;
comment on function private.fee_cents is 'The platform''s share of an amount, at a rate in hundredths of a percent.';

create function private.capture_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('stripe_clearing', 'CAPTURE', p_amount_cents), ('buyer', 'CAPTURE', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.capture_lines is 'Stripe holds the money, and we owe it to the buyer until the order is released.';

create function private.release_lines(p_base_cents bigint, p_bps integer)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('buyer', 'RELEASE', p_base_cents),
    ('seller_payable', 'RELEASE', private.fee_cents(p_base_cents, p_bps) - p_base_cents),
    ('platform_fee', 'FEE', -private.fee_cents(p_base_cents, p_bps))
  ]::private.ledger_line[];
end;
$$;
comment on function private.release_lines is 'What is left of the buyer''s money becomes the seller''s, less the fee of just that.';

create function private.refund_requested_lines(
  p_amount_cents bigint, p_base_cents bigint, p_bps integer
)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select case
      when p_base_cents is null then array[
        ('buyer', 'REFUND', p_amount_cents), ('refunds', 'REFUND', -p_amount_cents)
      ]::private.ledger_line[]
      else array[
        ('platform_fee', 'REFUND', given_up.fee_cents),
        ('seller_payable', 'REFUND', p_amount_cents - given_up.fee_cents),
        ('refunds', 'REFUND', -p_amount_cents)
      ]::private.ledger_line[]
    end
    from (
      select
        private.fee_cents(p_base_cents, p_bps)
        - private.fee_cents(p_base_cents - p_amount_cents, p_bps) as fee_cents
    ) as given_up
  );
end;
$$;
comment on function private.refund_requested_lines is 'Who pays for a refund: the buyer''s own money before the release (no base) or of a stray; after it the seller, and the platform what its fee on the base shrinks by.';

create function private.refund_succeeded_lines(p_amount_cents bigint)
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array[
    ('refunds', 'REFUND', p_amount_cents), ('stripe_clearing', 'REFUND', -p_amount_cents)
  ]::private.ledger_line[];
end;
$$;
comment on function private.refund_succeeded_lines is 'What was promised to the buyer has left Stripe.';

create function private.reversed_lines(p_lines private.ledger_line[])
returns private.ledger_line[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select array_agg((line.account, line.entry_type, -line.amount_cents)::private.ledger_line)
    from unnest(p_lines) as line
  );
end;
$$;
comment on function private.reversed_lines is 'The same lines, taken back.';

create function private.post(
  p_order public.orders, p_fact text, p_currency text, p_lines private.ledger_line[],
  p_description text, p_meta jsonb default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.ledger_entries (
    txn_id, order_id, user_id, account, entry_type, amount_cents, currency, description, meta,
    fact
  )
  select
    posting.txn_id,
    p_order.id,
    case line.account
      when 'buyer' then p_order.buyer_id
      when 'seller_payable' then p_order.seller_id
    end,
    line.account,
    line.entry_type,
    sum(line.amount_cents),
    p_currency,
    p_description,
    p_meta,
    p_fact
  from (select gen_random_uuid() as txn_id) as posting cross join unnest(p_lines) as line
  group by posting.txn_id, line.account, line.entry_type
  having sum(line.amount_cents) <> 0
  on conflict (order_id, entry_type, account, fact) do nothing;
end;
$$;
comment on function private.post is 'Write the lines of one fact under one txn_id; a fact that is in the books stays as it is. The caller holds the order''s lock.';

create function private.is_captured(p_status public.payment_status)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_status in ('captured', 'partially_refunded', 'refunded');
end;
$$;
comment on function private.is_captured is 'Whether a payment''s money has come in, be it gone again since.';

create function private.seller_base_cents(p_order_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select
      payment.amount_cents - coalesce((
        select sum(amount_cents) from public.refunds
        where payment_id = payment.id and status in ('pending', 'succeeded')
      ), 0)
    from public.payments as payment
    where payment.order_id = p_order_id and payment.settles_order
  );
end;
$$;
comment on function private.seller_base_cents is 'What the seller''s part is reckoned on: the captured amount less refunds that are under way or done.';

create function private.post_capture(
  p_order public.orders, p_payment public.payments, p_event_id text
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'capture:' || p_payment.stripe_payment_intent_id,
    p_payment.currency,
    private.capture_lines(p_payment.amount_cents),
    case when p_payment.settles_order then 'Payment' else 'Stray payment' end,
    jsonb_strip_nulls(
      jsonb_build_object('event_id', p_event_id, 'charge_id', p_payment.stripe_charge_id)
    )
  );
end;
$$;
comment on function private.post_capture is 'Book money that came in, in its own currency; a stray is booked like any other.';

create function private.post_release(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'release:' || p_order.id,
    p_order.currency,
    private.release_lines(private.seller_base_cents(p_order.id), p_order.platform_fee_bps),
    'Release to the seller'
  );
end;
$$;
comment on function private.post_release is 'Book the seller''s claim and the fee, once in an order''s life.';

create function private.post_refund_requested(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':requested',
    p_payment.currency,
    private.refund_lines(p_order, p_payment, p_refund),
    'Refund requested'
  );
end;
$$;
comment on function private.post_refund_requested is 'Book the reservation of a refund whose row is there already.';

create function private.refund_lines(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns private.ledger_line[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_base_cents bigint;
begin
  if p_payment.settles_order and p_order.released_at is not null then
    -- The refund counts against the base already, or not any more once it has failed.
    v_base_cents := private.seller_base_cents(p_order.id) + case
      when p_refund.status in ('pending', 'succeeded') then p_refund.amount_cents else 0
    end;
  end if;
  return private.refund_requested_lines(
    p_refund.amount_cents, v_base_cents, p_order.platform_fee_bps
  );
end;
$$;
comment on function private.refund_lines is 'Who pays for this refund of this order as things stand, or paid for it when it has failed.';

create function private.post_refund_succeeded(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':succeeded',
    p_payment.currency,
    private.refund_succeeded_lines(p_refund.amount_cents),
    'Refund paid out',
    jsonb_build_object('stripe_refund_id', p_refund.stripe_refund_id)
  );
end;
$$;
comment on function private.post_refund_succeeded is 'Book money that went back.';

create function private.post_refund_failed(
  p_order public.orders, p_payment public.payments, p_refund public.refunds,
  p_had_succeeded boolean
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.post(
    p_order,
    'refund:' || p_refund.id || ':failed',
    p_payment.currency,
    private.reversed_lines(
      private.refund_lines(p_order, p_payment, p_refund) || case
        -- A bank may still return what Stripe called succeeded.
        when p_had_succeeded then private.refund_succeeded_lines(p_refund.amount_cents)
      end
    ),
    'Refund failed',
    jsonb_build_object('stripe_refund_id', p_refund.stripe_refund_id)
  );
end;
$$;
comment on function private.post_refund_failed is 'Take back what was booked for a refund that did not come about. The money is the buyer''s again, or the seller''s and ours after the release.';

create function public.ledger_drift()
returns table (
  order_id uuid, currency text, account text, expected_cents bigint, actual_cents bigint
)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query select * from private.ledger_drift(null);
end;
$$;
comment on function public.ledger_drift is 'Every order whose books, payments, refunds and state disagree, account by account; nothing when all is well. An account orders.… is a column of the order that its payments belie.';
grant execute on function public.ledger_drift to service_role;

alter table public.ledger_entries enable row level security;
grant select (
  id, txn_id, order_id, user_id, account, entry_type, amount_cents, currency, description, meta,
  fact, created_at
) on public.ledger_entries to authenticated;

create policy people_read_their_own_lines on public.ledger_entries
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
comment on policy people_read_their_own_lines on public.ledger_entries is 'A buyer''s or a seller''s own account; the platform''s own are staff''s to read.';

create function private.check_postings_balance()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (
    select from public.ledger_entries
    where txn_id = new.txn_id
    group by currency
    having sum(amount_cents) <> 0
  ) then
    raise check_violation using
      message = format('Ledger transaction %s does not sum to zero', new.txn_id);
  end if;
  return null;
end;
$$;
comment on function private.check_postings_balance is 'Deferred constraint trigger. It runs at commit with the owner''s rights: with the caller''s, RLS would hide entries from the sum.';

create function private.refuse_rewrite()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise restrict_violation using message = format('%s is append only', tg_relid::regclass);
end;
$$;
comment on function private.refuse_rewrite is 'Trigger: what is written in this table is never changed or removed, by anybody.';

create constraint trigger ledger_entries_balance
after insert on public.ledger_entries
deferrable initially deferred
for each row execute function private.check_postings_balance();

create trigger ledger_entries_are_never_changed
before update or delete on public.ledger_entries
for each row execute function private.refuse_rewrite();

create trigger ledger_entries_are_never_emptied
before truncate on public.ledger_entries
for each statement execute function private.refuse_rewrite();
