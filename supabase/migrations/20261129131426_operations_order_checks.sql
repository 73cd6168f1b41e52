set lock_timeout = '2s';
set statement_timeout = '30s';

-- squawk-ignore require-concurrent-index-creation
create index ledger_entries_created_at_idx on public.ledger_entries using brin (created_at);

create table private.balance_transactions (
  id text not null,
  source_id text not null,
  kind text not null,
  amount_cents bigint not null,
  currency text not null,
  payment_intent_id text,
  transfer_id text,
  order_ref text,
  order_id uuid,
  created_at timestamptz not null,
  recorded_at timestamptz not null,
  constraint balance_transactions_pkey primary key (id),
  constraint balance_transactions_order_id_fkey
  foreign key (order_id) references public.orders (id)
);
comment on table private.balance_transactions is 'Movements of our balance at Stripe that concern charges, refunds, disputes, transfers and reversals. Amounts are without Stripe''s fees.';
comment on column private.balance_transactions.source_id is 'The charge, refund, dispute, transfer or reversal that moved the money.';
comment on column private.balance_transactions.order_ref is 'The order that the metadata of the source names. It counts only if no payment or payout of ours names the order.';
comment on column private.balance_transactions.order_id is 'The order that the money belongs to. Null as long as the database knows none.';

-- squawk-ignore require-concurrent-index-creation
create index balance_transactions_order_id_idx on private.balance_transactions (order_id);

-- squawk-ignore require-concurrent-index-creation
create index balance_transactions_recorded_at_idx
on private.balance_transactions using brin (recorded_at);

-- squawk-ignore require-concurrent-index-creation
create index balance_transactions_without_order_idx
on private.balance_transactions (recorded_at)
where order_id is null;

create table private.order_checks (
  order_id uuid not null,
  checked_at timestamptz not null,
  has_drift boolean not null default false,
  difference_cents bigint not null default 0,
  differs_since timestamptz,
  is_blocked boolean not null default false,
  constraint order_checks_pkey primary key (order_id),
  constraint order_checks_order_id_fkey foreign key (order_id) references public.orders (id),
  constraint order_checks_block_a_difference check (
    (differs_since is not null) = (difference_cents <> 0)
    and (not is_blocked or differs_since is not null)
  )
);
comment on table private.order_checks is 'The result of the last check of each order: whether its rows agree with its ledger, and its ledger with Stripe.';
comment on column private.order_checks.difference_cents is 'Stripe''s movements of the order less its ledger. A movement and its event do not arrive at the same time, so a short difference is normal.';
comment on column private.order_checks.is_blocked is 'Two checks at least ten minutes apart have seen a difference. No transfer of the order is sent meanwhile.';

-- squawk-ignore require-concurrent-index-creation
create index order_checks_checked_at_idx on private.order_checks (checked_at);

-- squawk-ignore require-concurrent-index-creation
create index order_checks_unhealthy_idx on private.order_checks (checked_at)
where has_drift or differs_since is not null;

create function private.record_balance_transactions(p_transactions jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  insert into private.balance_transactions (
    id, source_id, kind, amount_cents, currency, payment_intent_id, transfer_id, order_ref,
    order_id, created_at, recorded_at
  )
  select
    moved.id, moved.source_id, moved.kind, moved.amount_cents, moved.currency,
    moved.payment_intent_id, moved.transfer_id, moved.order_ref,
    private.order_of_movement(moved.payment_intent_id, moved.transfer_id, moved.order_ref),
    to_timestamp(moved.created), v_now
  from jsonb_to_recordset(p_transactions) as moved (
    id text, source_id text, kind text, amount_cents bigint, currency text,
    payment_intent_id text, transfer_id text, order_ref text, created bigint
  )
  on conflict (id) do nothing;
  get diagnostics v_count = row_count;

  -- An event may tell us of a payment or payout only after Stripe has moved its money.
  update private.balance_transactions as moved
  set
    order_id = private.order_of_movement(payment_intent_id, transfer_id, order_ref),
    recorded_at = v_now
  where order_id is null
    and recorded_at > v_now - interval '24 hours'
    and private.order_of_movement(payment_intent_id, transfer_id, order_ref) is not null;
  return v_count;
end;
$$;
comment on function private.record_balance_transactions is 'Record movements of our balance at Stripe; see the public wrapper.';
grant execute on function private.record_balance_transactions to service_role;

create function private.order_of_movement(
  p_payment_intent_id text, p_transfer_id text, p_order_ref text
)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    (select order_id from public.payments where stripe_payment_intent_id = p_payment_intent_id),
    (select order_id from public.payouts where stripe_transfer_id = p_transfer_id),
    (select id from public.orders where id = private.order_id_in(p_order_ref))
  );
end;
$$;
comment on function private.order_of_movement is 'Return the order that a movement at Stripe belongs to: that of its payment or payout, or else the one that its metadata names. Null if we have none.';

create function private.stripe_difference_cents(p_order_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    (
      select sum(moved.amount_cents)
      from private.balance_transactions as moved
        join public.orders on moved.order_id = orders.id
        left join public.payments on moved.payment_intent_id = payments.stripe_payment_intent_id
      where moved.order_id = p_order_id
        -- Stripe books a stray in another currency after it has converted the money.
        and moved.currency = orders.currency
        and coalesce(payments.currency, orders.currency) = orders.currency
        -- Stripe books a refund at its request, and the ledger when it has succeeded.
        and not exists (
          select from public.refunds
          where stripe_refund_id = moved.source_id and status = 'pending'
        )
    ),
    0
  ) - coalesce(
    (
      select sum(entry.amount_cents)
      from public.ledger_entries as entry join public.orders on entry.order_id = orders.id
      where entry.order_id = p_order_id
        and entry.account = 'stripe_clearing'
        and entry.currency = orders.currency
    ),
    0
  );
end;
$$;
comment on function private.stripe_difference_cents is 'Return the money that Stripe has moved for an order, less the money that its ledger shows at Stripe, in the order''s currency. Zero if both agree.';

create function private.has_difference(p_order_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.order_checks where order_id = p_order_id and is_blocked
  );
end;
$$;
comment on function private.has_difference is 'Return true if two checks at least ten minutes apart found that the ledger of an order and Stripe disagree. Its transfers must wait.';

create function private.check_orders(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  -- Without a recent reading of Stripe's list every new entry would look like a difference.
  v_is_stripe_read constant boolean := exists (
    select from private.reading_positions
    where list = 'balance_transactions' and reached_at > v_now - interval '5 minutes'
  );
  v_check private.order_checks;
  v_count integer := 0;
  v_alerts jsonb := '[]';
  v_names text[];
begin
  for v_check in
    select * from private.order_checks
    where order_id = any(private.orders_to_check(p_max_rows, v_now))
    for update skip locked
  loop
    v_names := private.check_order(v_check, v_is_stripe_read, v_now);
    if v_names <> '{}' then
      v_alerts := v_alerts
        || jsonb_build_object('order_id', v_check.order_id, 'alerts', to_jsonb(v_names));
    end if;
    v_count := v_count + 1;
  end loop;
  return jsonb_build_object('count', v_count, 'alerts', v_alerts);
end;
$$;
comment on function private.check_orders is 'Compare orders with their ledger, and the ledger with Stripe; see the public wrapper.';
grant execute on function private.check_orders to service_role;

create function private.orders_to_check(p_max_rows integer, p_now timestamptz)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select candidate.order_id
    from (
      -- A commit may come a little later than the time of its rows, so the last check must too.
      select last_check.order_id, 1 as rank, last_check.checked_at
      from (
        select order_id, max(created_at) as changed_at from public.ledger_entries
        where created_at > p_now - interval '1 hour'
        group by order_id
        union all
        select order_id, max(recorded_at) from private.balance_transactions
        where recorded_at > p_now - interval '1 hour'
        group by order_id
      ) as change
        join private.order_checks as last_check using (order_id)
      where last_check.checked_at <= change.changed_at + interval '30 seconds'
      union all
      select order_id, 2, checked_at from private.order_checks
      where (has_drift or differs_since is not null)
        and checked_at <= p_now - interval '30 seconds'
      union all
      (
        select order_id, 3, checked_at from private.order_checks
        where checked_at <= p_now - interval '1 hour'
        order by checked_at
        limit p_max_rows
      )
    ) as candidate
    group by candidate.order_id
    order by min(candidate.rank), min(candidate.checked_at), candidate.order_id
    limit p_max_rows
  );
end;
$$;
comment on function private.orders_to_check is 'Return the orders whose check is due: first those whose money has moved, then those that were not in order, then all others once an hour, the longest unchecked first.';

create function private.check_order(
  p_check private.order_checks, p_is_stripe_read boolean, p_now timestamptz
)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_has_drift constant boolean := exists (
    select from private.ledger_drift(p_check.order_id)
  );
  v_difference constant bigint := case
    when p_is_stripe_read then private.stripe_difference_cents(p_check.order_id)
    else p_check.difference_cents
  end;
  v_since constant timestamptz := case
    when v_difference <> 0 then coalesce(p_check.differs_since, p_now)
  end;
  v_is_blocked constant boolean := case
    when p_is_stripe_read then coalesce(v_since <= p_now - interval '10 minutes', false)
    else p_check.is_blocked
  end;
begin
  update private.order_checks
  set
    checked_at = p_now,
    has_drift = v_has_drift,
    difference_cents = v_difference,
    differs_since = v_since,
    is_blocked = v_is_blocked
  where order_id = p_check.order_id;
  return private.raise_alerts(
    p_check.order_id::text,
    case when v_has_drift and not p_check.has_drift then array['ledger_drifted'] end
    || case
      when v_is_blocked and not p_check.is_blocked then array['order_unlike_stripe']
    end
    || '{}'::text[]
  );
end;
$$;
comment on function private.check_order is 'Check one order, record the result, and return the alerts for what was in order before. A difference that has gone unblocks the order.';

create or replace function private.read_gauges()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  return (
    select jsonb_build_object(
      'oldest_unprocessed_event_seconds',
      coalesce(extract(epoch from v_now - min(received_at)), 0)
    )
    from public.webhook_events
    where status in ('received', 'failed')
  ) || (
    select jsonb_build_object('unpaid_overdue_orders', count(*))
    from public.orders
    where state = 'pending_payment' and payment_due_at <= v_now
  ) || (
    select jsonb_build_object(
      'ledger_drift_orders', count(*) filter (where has_drift),
      'orders_unlike_stripe', count(*) filter (where is_blocked)
    )
    from private.order_checks
    where has_drift or differs_since is not null
  );
end;
$$;

create or replace function private.reading_window(p_list text, p_span_s integer, p_delay_s integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_newest constant timestamptz := v_now - make_interval(secs => p_delay_s);
  v_reached timestamptz;
  v_until timestamptz;
begin
  select reached_at into v_reached from private.reading_positions where list = p_list;
  -- Without a position nothing was read yet. Money concerns orders, so the first order bounds it.
  v_reached := coalesce(v_reached, (select min(created_at) from public.orders), v_newest);
  if p_list = 'events' then
    -- Stripe keeps events for 30 days, and all other objects for ever.
    v_reached := greatest(v_reached, v_now - interval '696 hours');
  end if;
  v_until := least(v_newest, v_reached + make_interval(secs => p_span_s));
  return jsonb_build_object(
    'now', floor(extract(epoch from v_now)),
    -- Stripe's list may show an object late, and its clock may differ from ours.
    'since', floor(extract(epoch from v_reached - interval '5 minutes')),
    'until', floor(extract(epoch from v_until)),
    'is_newest', v_until >= v_newest
  );
end;
$$;

create or replace function private.open_order(p_auction public.auctions, p_now timestamptz)
returns public.orders
language plpgsql
set search_path = ''
as $$
declare
  v_fee_bps constant integer := private.setting('platform_fee_bps');
  v_fee_cents constant bigint := private.fee_cents(p_auction.current_price_cents, v_fee_bps);
  v_order public.orders;
begin
  insert into public.orders (
    id, listing_id, auction_id, winning_bid_id, buyer_id, seller_id, amount_cents,
    platform_fee_cents, seller_amount_cents, platform_fee_bps, payment_due_at
  )
  select
    md5('order:' || p_auction.id::text)::uuid, listings.id, p_auction.id, p_auction.high_bid_id,
    p_auction.high_bidder_id, listings.seller_id, p_auction.current_price_cents, v_fee_cents,
    p_auction.current_price_cents - v_fee_cents, v_fee_bps,
    p_now + make_interval(hours => private.setting('payment_due_hours')::integer)
  from public.listings
  where listings.id = p_auction.listing_id
  on conflict (auction_id) do nothing
  returning * into v_order;
  if v_order.id is null then
    select * into v_order from public.orders where auction_id = p_auction.id;
    return v_order;
  end if;

  insert into public.order_events (order_id, to_state, actor_kind, reason, created_at)
  values (v_order.id, 'pending_payment', 'system', 'auction_won', p_now);
  perform private.open_order_thread(v_order, p_now);
  perform private.notify_of_sale(v_order);
  insert into private.order_checks (order_id, checked_at) values (v_order.id, p_now);
  -- An order that is created again after a restore may find events about it in the inbox.
  perform private.requeue_events_of_orders(array[v_order.id::text], p_now);
  return v_order;
end;
$$;

create function private.claim_differing_intents(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  -- An open intent has a claim of its own, which says nothing about its refunds.
  v_prefix constant text := 'differs:';
  v_intents jsonb;
begin
  select coalesce(jsonb_object_agg(v_prefix || intent.id, intent.order_id), '{}') into v_intents
  from (
    select payments.stripe_payment_intent_id as id, payments.order_id
    from public.payments join private.order_checks using (order_id)
    where order_checks.differs_since is not null
    union
    -- Stripe may name an intent whose events are lost.
    select moved.payment_intent_id, moved.order_id
    from private.balance_transactions as moved join private.order_checks using (order_id)
    where order_checks.differs_since is not null and moved.payment_intent_id is not null
  ) as intent;
  return coalesce(
    (
      select jsonb_agg(
        jsonb_build_object(
          'payment_intent_id', substr(claimed, char_length(v_prefix) + 1),
          'order_id', v_intents ->> claimed
        )
      )
      from private.claim_checks(
        array(select jsonb_object_keys(v_intents)), p_max_rows, v_now
      ) as claimed
    ),
    '[]'
  );
end;
$$;
comment on function private.claim_differing_intents is 'Return the intents of orders that differ from Stripe; see the public wrapper.';
grant execute on function private.claim_differing_intents to service_role;
comment on function public.read_gauges is 'Return figures for metrics: {oldest_unprocessed_event_seconds, unpaid_overdue_orders, ledger_drift_orders, orders_unlike_stripe}. The last two count the results of check_orders.';

create function public.record_balance_transactions(transactions jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.record_balance_transactions(record_balance_transactions.transactions);
end;
$$;
comment on function public.record_balance_transactions is 'Record movements of our balance at Stripe, each once by its id: an array of {id, source_id, kind, amount_cents, currency, payment_intent_id, transfer_id, order_ref, created}. created is in Unix seconds, and amount_cents is without Stripe''s fee. Return the number of new ones.';
grant execute on function public.record_balance_transactions to service_role;

create function public.check_orders(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.check_orders(check_orders.max_rows);
end;
$$;
comment on function public.check_orders is 'Check at most max_rows orders: {count, alerts [{order_id, alerts}]}. ledger_drift names an order whose rows and ledger disagree. An order whose ledger differs from Stripe''s movements in two checks at least ten minutes apart gets no transfer until they agree. Orders whose money has moved come first, and each order is checked about once an hour. Any number of workers may call.';
grant execute on function public.check_orders to service_role;

create function public.claim_differing_intents(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_differing_intents(claim_differing_intents.max_rows);
end;
$$;
comment on function public.claim_differing_intents is 'Return the intents of orders whose ledger differs from Stripe, for reading them and their refunds again: an array of {payment_intent_id, order_id}. Each is returned at most every ten minutes, to one caller.';
grant execute on function public.claim_differing_intents to service_role;

alter table private.balance_transactions enable row level security;

alter table private.order_checks enable row level security;

insert into private.order_checks (order_id, checked_at)
select id, created_at from public.orders;
