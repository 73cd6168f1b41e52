-- This migration makes the disputes of buyers and of their banks work.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Disputes: functions.

create function private.resolve_dispute(
  p_dispute_id uuid, p_decision text, p_note text, p_refund_cents bigint,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'resolve_dispute', p_client_request_id,
    jsonb_build_array(p_dispute_id, p_decision, p_note, p_refund_cents)
  );
  v_dispute public.disputes;
  v_order public.orders;
  v_payment public.payments;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  select * into v_order from public.orders
  where id = (select order_id from public.disputes where id = p_dispute_id) for update;
  select * into v_payment from public.payments
  where order_id = v_order.id and settles_order for update;
  select * into v_dispute from public.disputes where id = p_dispute_id for update;
  v_dispute := private.decided_dispute(
    v_dispute, p_decision, p_note, p_refund_cents, private.unrefunded_cents(v_payment)
  );
  v_answer := coalesce(
    private.decider_refusal(v_dispute),
    private.decision_refusal(v_dispute, p_refund_cents),
    private.decided_refund_refusal(v_order, v_payment, v_dispute),
    private.store_decision(v_order, v_payment, v_dispute)
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.resolve_dispute is 'Decide a dispute of the marketplace as staff; see the public wrapper.';
grant execute on function private.resolve_dispute to authenticated;

create function private.decided_dispute(
  p_dispute public.disputes, p_decision text, p_note text, p_refund_cents bigint,
  p_left_cents bigint
)
returns public.disputes
language plpgsql
stable
set search_path = ''
as $$
declare
  v_dispute public.disputes := p_dispute;
begin
  v_dispute.decision := (
    select known from unnest(enum_range(null::public.dispute_decision)) as known
    where known::text = p_decision
  );
  v_dispute.resolution := private.plain_text(p_note, 1000);
  v_dispute.resolution_type := private.resolution_type_of(v_dispute.decision);
  v_dispute.refund_cents := case v_dispute.decision
    when 'refund' then p_left_cents
    when 'partial' then p_refund_cents
  end;
  v_dispute.refund_amount_cents := v_dispute.refund_cents;
  return v_dispute;
end;
$$;
comment on function private.decided_dispute is 'Return a dispute with the decision of staff in it. A decision that does not exist is null. refund means all that is left of the payment.';

create function private.decider_refusal(p_dispute public.disputes)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_dispute.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Dispute not found');
  elsif auth.uid() in (p_dispute.initiator_id, p_dispute.respondent_id) then
    return private.refusal('FORBIDDEN', 'You are a party of this dispute');
  elsif p_dispute.stripe_dispute_id is not null then
    return private.refusal('CONFLICT', 'The bank decides this dispute');
  elsif not private.is_dispute_open(p_dispute.status) then
    return private.refusal('CONFLICT', 'This dispute is decided already');
  end if;
  return null;
end;
$$;
comment on function private.decider_refusal is 'Return the reason why the caller cannot decide a dispute, or null.';

create function private.decision_refusal(p_dispute public.disputes, p_refund_cents bigint)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_dispute.decision is null then
    return private.refusal('VALIDATION_ERROR', 'A decision is refund, partial or deny');
  elsif coalesce(private.visible_length(p_dispute.resolution), 0) not between 1 and 1000 then
    return private.refusal('VALIDATION_ERROR', 'A note has 1 to 1000 characters');
  elsif p_dispute.decision <> 'partial' and p_refund_cents <> coalesce(p_dispute.refund_cents, 0)
  then
    return private.refusal('VALIDATION_ERROR', 'Only a partial refund has an amount of its own');
  end if;
  return null;
end;
$$;
comment on function private.decision_refusal is 'Return the reason why a decision is not complete, or null.';

create function private.decided_refund_refusal(
  p_order public.orders, p_payment public.payments, p_dispute public.disputes
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_dispute.decision = 'deny' then
    return null;
  elsif private.held_cents(p_payment.id) > 0 then
    return private.refusal('CONFLICT', 'Stripe holds this money for a dispute');
  elsif p_order.state <> 'disputed' or p_order.refund_pending then
    return private.refusal('CONFLICT', 'This order cannot be refunded as it stands');
  elsif coalesce(
    p_dispute.refund_cents not between 1 and private.unrefunded_cents(p_payment), true
  ) then
    return private.refusal('VALIDATION_ERROR', 'Refund must be within what is left of the payment');
  end if;
  return null;
end;
$$;
comment on function private.decided_refund_refusal is 'Return the reason why the refund of a decision cannot be made, or null.';

create function private.store_decision(
  p_order public.orders, p_payment public.payments, p_dispute public.disputes
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  update public.disputes
  set
    status = 'resolved',
    decision = p_dispute.decision,
    refund_cents = p_dispute.refund_cents,
    refund_amount_cents = p_dispute.refund_amount_cents,
    resolution = p_dispute.resolution,
    resolution_type = p_dispute.resolution_type,
    resolved_at = v_now
  where id = p_dispute.id;
  if p_dispute.refund_cents > 0 then
    perform private.reserve_refund(
      p_order, p_payment, p_dispute.refund_cents, 'refunded', 'dispute_' || p_dispute.decision,
      auth.uid(), private.decision_key(p_dispute.id)
    );
  end if;
  perform private.follow_disputes(p_order.id, auth.uid(), 'admin', 'dispute_resolved');
  perform private.notify_of_dispute(
    p_order, p_dispute, 'dispute_resolved', 'Dispute decided',
    case p_dispute.decision
      when 'refund' then 'The dispute about %s is decided: the buyer gets the money back.'
      when 'partial' then 'The dispute about %s is decided: the buyer gets a part back.'
      else 'The dispute about %s is decided: the order goes on.'
    end,
    array[p_order.buyer_id, p_order.seller_id]
  );
  perform private.write_audit(
    auth.uid(), 'dispute_resolved', 'disputes', p_dispute.id::text, p_dispute.resolution,
    jsonb_strip_nulls(
      jsonb_build_object(
        'order_id', p_order.id,
        'decision', p_dispute.decision,
        'refund_cents', p_dispute.refund_cents
      )
    )
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.store_decision is 'Record a decision, reserve its refund and notify both parties. The order stays disputed until the refund has ended. The caller holds the locks of order and payment.';

create function private.apply_dispute(
  p_event_id text, p_stripe_dispute_id text, p_payment_intent_id text, p_charge_id text,
  p_amount_cents bigint, p_currency text, p_status text, p_reason text, p_withdrawn_cents bigint,
  p_reinstated_cents bigint, p_created bigint, p_order_ref text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_event constant public.webhook_events := private.lock_event(p_event_id);
  v_intent_id text;
  v_order_id uuid;
  v_payment public.payments;
  v_change record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  v_intent_id := private.intent_of_charge(p_payment_intent_id, p_charge_id);
  v_order_id := private.order_of_intent(v_intent_id, p_order_ref);
  if v_order_id is null then
    return private.settle_misplaced_event(p_event_id, null, p_order_ref);
  end if;
  v_payment := private.lock_disputed_payment(v_order_id, v_intent_id);
  if v_payment.id is null then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;

  v_change := private.settle_dispute(
    v_payment,
    private.dispute_reading(
      p_stripe_dispute_id, p_amount_cents, p_currency, p_status, p_reason, p_withdrawn_cents,
      p_reinstated_cents, p_created
    )
  );
  return private.settle_event(
    p_event_id,
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => v_change.alerts
  );
end;
$$;
comment on function private.apply_dispute is 'Apply the event of a dispute at Stripe; see the public wrapper.';
grant execute on function private.apply_dispute to service_role;

create function private.record_dispute(
  p_stripe_dispute_id text, p_payment_intent_id text, p_charge_id text, p_amount_cents bigint,
  p_currency text, p_status text, p_reason text, p_withdrawn_cents bigint,
  p_reinstated_cents bigint, p_created bigint
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_intent_id constant text := private.intent_of_charge(p_payment_intent_id, p_charge_id);
  v_order_id uuid;
  v_payment public.payments;
  v_change record;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = v_intent_id;
  v_payment := private.lock_disputed_payment(v_order_id, v_intent_id);
  if v_payment.id is null then
    return private.effect_answer('ignored', v_order_id);
  end if;
  v_change := private.settle_dispute(
    v_payment,
    private.dispute_reading(
      p_stripe_dispute_id, p_amount_cents, p_currency, p_status, p_reason, p_withdrawn_cents,
      p_reinstated_cents, p_created
    )
  );
  perform private.raise_alerts(p_stripe_dispute_id, v_change.alerts);
  return private.effect_answer(
    case when v_change.is_news then 'processed' else 'order_already_processed' end,
    v_order_id,
    p_alerts => private.unconfirmed_alerts(p_stripe_dispute_id)
  );
end;
$$;
comment on function private.record_dispute is 'Apply a dispute that was read from Stripe without an event; see the public wrapper.';
grant execute on function private.record_dispute to service_role;

create function private.claim_open_disputes(p_max_rows integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_ids text[];
begin
  v_ids := array(
    select stripe_dispute_id from public.disputes
    where stripe_dispute_id is not null
      and created_at <= v_now - interval '10 minutes'
      and (
        private.is_dispute_open(status)
        -- The money of a dispute that was won comes back with an event of its own.
        or (stripe_status = 'won' and withdrawn_cents > reinstated_cents)
      )
  );
  return to_jsonb(array(select private.claim_checks(v_ids, p_max_rows, v_now)));
end;
$$;
comment on function private.claim_open_disputes is 'Return disputes at Stripe that reconcile must read again; see the public wrapper.';
grant execute on function private.claim_open_disputes to service_role;

create function private.lock_disputed_payment(p_order_id uuid, p_payment_intent_id text)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_payment public.payments;
begin
  perform from public.orders where id = p_order_id for update;
  select * into v_payment from public.payments
  where stripe_payment_intent_id = p_payment_intent_id and private.is_captured(status) for update;
  return v_payment;
end;
$$;
comment on function private.lock_disputed_payment is 'Lock an order and then the captured payment with this intent, and return the payment. Null if no money was captured.';

create function private.dispute_reading(
  p_stripe_dispute_id text, p_amount_cents bigint, p_currency text, p_status text, p_reason text,
  p_withdrawn_cents bigint, p_reinstated_cents bigint, p_created bigint
)
returns public.disputes
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_reading public.disputes;
begin
  v_reading.stripe_dispute_id := p_stripe_dispute_id;
  v_reading.amount_cents := p_amount_cents;
  v_reading.currency := p_currency;
  v_reading.stripe_status := p_status;
  v_reading.reason := coalesce(p_reason, 'general');
  v_reading.withdrawn_cents := p_withdrawn_cents;
  v_reading.reinstated_cents := p_reinstated_cents;
  v_reading.created_at := to_timestamp(p_created);
  return v_reading;
end;
$$;
comment on function private.dispute_reading is 'Return a dispute as Stripe shows it, in the form of our row.';

create function private.intent_of_charge(p_payment_intent_id text, p_charge_id text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce(
    p_payment_intent_id,
    (select stripe_payment_intent_id from public.payments where stripe_charge_id = p_charge_id)
  );
end;
$$;
comment on function private.intent_of_charge is 'Return the given intent, or else the intent of a charge that we have recorded.';

create function private.add_dispute_message(
  p_dispute_id uuid, p_content text, p_is_internal boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'add_dispute_message', p_client_request_id,
    jsonb_build_array(p_dispute_id, p_content, coalesce(p_is_internal, false))
  );
  v_content constant text := private.plain_text(p_content, 1000);
  v_dispute public.disputes;
  v_message_id uuid;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check the caller before locking, so another user's calls cannot delay the dispute.
  select * into v_dispute from public.disputes where id = p_dispute_id;
  v_answer := private.dispute_writer_refusal(v_dispute, coalesce(p_is_internal, false));
  if v_answer is null then
    -- Messages and evidence take turns, so that the filter reads each after the earlier ones.
    select * into v_dispute from public.disputes where id = p_dispute_id for no key update;
    v_answer := coalesce(
      private.dispute_writer_refusal(v_dispute, coalesce(p_is_internal, false)),
      case
        when coalesce(private.visible_length(v_content), 0) < 1 or char_length(v_content) > 1000
          then private.refusal('VALIDATION_ERROR', 'A message has 1 to 1000 characters')
      end,
      -- Count the call before the filter, which costs far more than all checks above.
      private.use_rate_limit('add_dispute_message'),
      -- Staff may quote the details that a party wrote elsewhere. A party on the staff is a party.
      case
        when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id)
          then private.payment_text_refusal(
            'content', v_content, private.recent_dispute_texts(p_dispute_id, auth.uid())
          )
      end
    );
  end if;
  if v_answer is null then
    insert into public.dispute_messages (
      dispute_id, sender_id, message_type, content, is_internal
    )
    values (
      p_dispute_id, auth.uid(),
      case
        when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id) then 'user'
        else 'admin'
      end::public.dispute_message_type,
      v_content, coalesce(p_is_internal, false)
    )
    returning id into v_message_id;
    v_answer := jsonb_build_object('success', true, 'message_id', v_message_id);
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.add_dispute_message is 'Write a message about a dispute; see the public wrapper.';
grant execute on function private.add_dispute_message to authenticated;

create function private.recent_dispute_texts(p_dispute_id uuid, p_sender_id uuid)
returns text[]
language plpgsql
-- It is volatile, so it sees the message of a call that this one has waited for.
volatile
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_since constant timestamptz := v_now
    - make_interval(mins => private.setting('filter_join_minutes')::integer);
  v_limit constant integer := private.setting('filter_join_messages')::integer;
begin
  return (
    select coalesce(array_agg(recent.content order by recent.created_at, recent.place), '{}')
    from (
      select written.content, written.created_at, written.place
      from (
        select content, created_at, 3 as place from public.dispute_messages
        where dispute_id = p_dispute_id and sender_id = p_sender_id
        union all
        select title, created_at, 3 from public.dispute_evidence
        where dispute_id = p_dispute_id and user_id = p_sender_id
        union all
        select opening.content, dispute.created_at, opening.place
        from public.disputes as dispute
        -- Reason and description have the same time, so place orders them before any message.
        cross join lateral (
          values (dispute.reason, 1), (dispute.description, 2)
        ) as opening (content, place)
        where dispute.id = p_dispute_id and dispute.initiator_id = p_sender_id
      ) as written
      where written.created_at > v_since and written.content is not null
      order by written.created_at desc, written.place desc
      limit v_limit
    ) as recent
  );
end;
$$;
comment on function private.recent_dispute_texts is 'Return the last texts of a party about a dispute, oldest first: messages, names of evidence, reason and description. A payment detail may come in parts.';

create function private.dispute_writer_refusal(
  p_dispute public.disputes, p_is_internal boolean
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_party constant boolean := coalesce(
    auth.uid() in (p_dispute.initiator_id, p_dispute.respondent_id), false
  );
begin
  if p_dispute.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Dispute not found');
  elsif private.is_staff() and not v_is_party then
    return null;
  elsif not v_is_party or p_is_internal then
    return private.refusal('FORBIDDEN', 'Only the parties and staff can write here');
  end if;
  return coalesce(
    private.account_refusal(auth.uid()),
    case
      when not private.is_dispute_open(p_dispute.status)
        then private.refusal('CONFLICT', 'This dispute is decided already')
    end
  );
end;
$$;
comment on function private.dispute_writer_refusal is 'Return the reason why the caller may not write this message, or null. Staff may always write, but a party only while the dispute is open.';

create function private.open_dispute(
  p_order_id uuid, p_dispute_type text, p_reason text, p_description text,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'open_dispute', p_client_request_id,
    jsonb_build_array(p_order_id, p_dispute_type, p_reason, p_description)
  );
  v_order public.orders;
  v_dispute public.disputes;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check the caller before locking, so another user's calls cannot delay the order.
  select * into v_order from public.orders where id = p_order_id;
  v_answer := private.disputant_refusal(v_order);
  if v_answer is null then
    select * into v_order from public.orders where id = p_order_id for update;
    v_dispute := private.new_dispute(v_order, p_dispute_type, p_reason, p_description);
    v_answer := coalesce(
      private.new_dispute_refusal(v_order, v_dispute),
      -- Count the call before the filter, which costs far more than all checks above. Count the
      -- dispute after it, so that a refused text costs the party no dispute.
      private.use_rate_limit('check_dispute'),
      private.payment_text_refusal('reason', v_dispute.reason),
      private.payment_text_refusal(
        'description', v_dispute.description, array[v_dispute.reason]
      ),
      private.use_rate_limit('open_dispute'),
      private.store_dispute(v_order, v_dispute)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.open_dispute is 'Open a dispute about an order as one of its parties; see the public wrapper.';
grant execute on function private.open_dispute to authenticated;

create function private.disputant_refusal(p_order public.orders)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif coalesce(auth.uid() not in (p_order.buyer_id, p_order.seller_id), true) then
    return private.refusal('FORBIDDEN', 'Only the buyer or the seller can open a dispute');
  end if;
  return private.account_refusal(auth.uid());
end;
$$;
comment on function private.disputant_refusal is 'Return the reason why the caller may not open disputes about an order, or null.';

create function private.new_dispute(
  p_order public.orders, p_dispute_type text, p_reason text, p_description text
)
returns public.disputes
language plpgsql
stable
set search_path = ''
as $$
declare
  v_dispute public.disputes;
begin
  v_dispute.order_id := p_order.id;
  v_dispute.initiator_id := auth.uid();
  v_dispute.respondent_id := case auth.uid()
    when p_order.buyer_id then p_order.seller_id else p_order.buyer_id
  end;
  v_dispute.dispute_type := (
    select known from unnest(enum_range(null::public.dispute_type)) as known
    where known::text = p_dispute_type
  );
  v_dispute.reason := private.plain_line(p_reason, 200);
  -- A text that is far too long is null here. The empty text then fails the check of its length.
  v_dispute.description := case
    when p_description is not null then coalesce(private.plain_text(p_description, 4096), '')
  end;
  v_dispute.amount_cents := private.seller_base_cents(p_order.id);
  v_dispute.currency := p_order.currency;
  return v_dispute;
end;
$$;
comment on function private.new_dispute is 'Return the dispute that the caller wants to open, with cleaned texts. A kind that does not exist is null.';

create function private.new_dispute_refusal(p_order public.orders, p_dispute public.disputes)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_dispute.dispute_type is null then
    return private.refusal('VALIDATION_ERROR', 'There is no such kind of dispute');
  elsif coalesce(private.visible_length(p_dispute.reason), 0) < 1
    or char_length(p_dispute.reason) > 200
  then
    return private.refusal('VALIDATION_ERROR', 'A reason has 1 to 200 characters');
  elsif char_length(p_dispute.description) not between 1 and 4096 then
    return private.refusal('VALIDATION_ERROR', 'A description has 1 to 4096 characters');
  elsif p_order.refund_pending
    or p_order.state not in ('paid', 'ready_for_handover', 'shipped', 'delivered')
  then
    return private.refusal('CONFLICT', 'This order cannot be disputed as it stands');
  end if;
  return null;
end;
$$;
comment on function private.new_dispute_refusal is 'Return the reason why this dispute cannot be opened, or null.';

create function private.store_dispute(p_order public.orders, p_dispute public.disputes)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_dispute public.disputes;
begin
  insert into public.disputes (
    order_id, initiator_id, respondent_id, dispute_type, reason, description, amount_cents,
    currency
  )
  values (
    p_dispute.order_id, p_dispute.initiator_id, p_dispute.respondent_id,
    p_dispute.dispute_type, p_dispute.reason, p_dispute.description, p_dispute.amount_cents,
    p_dispute.currency
  )
  returning * into v_dispute;
  perform private.follow_disputes(
    p_order.id, v_dispute.initiator_id,
    case v_dispute.initiator_id when p_order.buyer_id then 'buyer' else 'seller' end::public.actor_kind,
    'dispute_opened'
  );
  perform private.notify_of_dispute(
    p_order, v_dispute, 'dispute_created', 'Dispute opened',
    'There is a dispute about %s. The order waits until it is decided.',
    array[p_order.buyer_id, p_order.seller_id]
  );
  perform private.write_audit(
    v_dispute.initiator_id, 'dispute_opened', 'disputes', v_dispute.id::text, v_dispute.reason,
    jsonb_build_object('order_id', p_order.id)
  );
  return jsonb_build_object('success', true, 'dispute_id', v_dispute.id);
end;
$$;
comment on function private.store_dispute is 'Record a dispute that a party opens, stop the order and notify both parties. The caller holds the lock of the order.';

create function private.held_cents(p_payment_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select sum(withdrawn_cents - reinstated_cents) from public.disputes
    where payment_id = p_payment_id
      and not private.is_dispute_lost(stripe_status, withdrawn_cents, reinstated_cents)
  ), 0);
end;
$$;
comment on function private.held_cents is 'Return the money of a payment that Stripe holds for disputes that are not lost.';

create function private.is_in_dispute(p_order_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (select from private.disputed_orders(array[p_order_id]));
end;
$$;
comment on function private.is_in_dispute is 'Return true while a dispute keeps an order.';

create function private.disputed_orders(p_order_ids uuid[])
returns table (order_id uuid)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select distinct dispute.order_id
  from public.disputes as dispute
    left join public.payments as payment on dispute.payment_id = payment.id
    left join public.refunds as refund
      on refund.idempotency_key = private.decision_key(dispute.id)
  where (p_order_ids is null or dispute.order_id = any(p_order_ids))
    -- The dispute of a stray never moves the order.
    and payment.settles_order is not false
    and (private.is_dispute_open(dispute.status) or refund.status = 'pending');
end;
$$;
comment on function private.disputed_orders is 'Return the order, or all orders, that a dispute keeps: it is open, or the refund that staff decided on is pending.';

create function private.decision_key(p_dispute_id uuid)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return 'dispute:' || p_dispute_id;
end;
$$;
comment on function private.decision_key is 'Return the idempotency key of the refund by which staff decided a dispute.';

create function private.is_decision_refund(p_refund public.refunds)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return starts_with(coalesce(p_refund.idempotency_key, ''), 'dispute:');
end;
$$;
comment on function private.is_decision_refund is 'Return true if staff decided on this refund to end a dispute.';

create function private.is_money_gone(p_order public.orders)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_order.refunded_cents + coalesce((
    select
      private.borne_cents(
        payment.amount_cents,
        coalesce((
          select sum(amount_cents) from public.refunds
          where payment_id = payment.id and status in ('pending', 'succeeded')
        ), 0)::bigint,
        private.lost_cents(payment.id)
      )
    from public.payments as payment
    where payment.order_id = p_order.id and payment.settles_order
  ), 0) = p_order.amount_cents;
end;
$$;
comment on function private.is_money_gone is 'Return true if all money of an order was refunded or lost in disputes.';

create function private.follow_disputes(
  p_order_id uuid, p_actor_id uuid, p_actor_kind public.actor_kind, p_reason text
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
begin
  select * into v_order from public.orders where id = p_order_id;
  if private.is_ended(v_order.state) or v_order.state = 'pending_payment' then
    return;
  elsif private.is_in_dispute(p_order_id) then
    perform private.transition_order(
      p_order_id, 'disputed', p_actor_id, p_actor_kind, p_reason
    );
  elsif private.is_money_gone(v_order) then
    perform private.end_refunded_order(v_order);
  elsif v_order.state = 'disputed' then
    perform private.transition_order(
      p_order_id, v_order.state_before_dispute, p_actor_id, p_actor_kind, p_reason
    );
  end if;
end;
$$;
comment on function private.follow_disputes is 'Bring the state of an order in line with its disputes: disputed while one keeps it, then refunded if all money is gone, or else the state before. An ended order stays as it is. The caller holds the lock of the order.';

create function private.notify_of_dispute(
  p_order public.orders, p_dispute public.disputes, p_type text, p_title text, p_message text,
  p_user_ids uuid[]
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_listing_title text;
begin
  select title into v_listing_title from public.listings where id = p_order.listing_id;
  perform private.notify(
    user_id, p_type, p_title, format(p_message, v_listing_title),
    jsonb_build_object('order_id', p_order.id, 'dispute_id', p_dispute.id),
    concat_ws(':', p_type, p_dispute.id, user_id)
  )
  from unnest(p_user_ids) as user_id;
end;
$$;
comment on function private.notify_of_dispute is 'Notify users of the beginning or the end of a dispute, once for each dispute.';

create function private.stripe_dispute_stage(p_stripe_status text)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    array_position(
      array['warning_needs_response', 'warning_under_review', 'needs_response', 'under_review'],
      p_stripe_status
    ),
    5
  );
end;
$$;
comment on function private.stripe_dispute_stage is 'Return the stage of a status at Stripe: 1 and 2 are inquiries, 3 and 4 wait for the bank''s decision, 5 is the end. Every status that is unknown here ends a dispute.';

create function private.is_stripe_dispute_open(p_stripe_status text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.stripe_dispute_stage(p_stripe_status) < 5;
end;
$$;
comment on function private.is_stripe_dispute_open is 'Return true if the bank has not decided yet.';

create function private.is_dispute_lost(
  p_stripe_status text, p_withdrawn_cents bigint, p_reinstated_cents bigint
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when private.is_stripe_dispute_open(p_stripe_status) then false
    when p_stripe_status in ('won', 'warning_closed') then false
    when p_stripe_status = 'lost' then true
    -- Stripe ends a dispute in other ways too, such as prevented. Its balance transactions then show
    -- who got the money.
    else p_withdrawn_cents > p_reinstated_cents
  end;
end;
$$;
comment on function private.is_dispute_lost is 'Return true if a dispute at Stripe has ended and the money stays with the buyer. Null for a dispute that is not at Stripe.';

create function private.dispute_status(p_stripe_status text)
returns public.dispute_status
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when not private.is_stripe_dispute_open(p_stripe_status) then 'closed'
    when p_stripe_status in ('under_review', 'warning_under_review') then 'under_review'
    else 'open'
  end;
end;
$$;
comment on function private.dispute_status is 'Return our status for a status at Stripe.';

create function private.is_dispute_open(p_status public.dispute_status)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_status in ('open', 'under_review', 'escalated');
end;
$$;
comment on function private.is_dispute_open is 'Return true if nobody has decided the dispute yet.';

create function private.is_dispute_news(p_before public.disputes, p_reading public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_stage_before constant integer := private.stripe_dispute_stage(p_before.stripe_status);
  v_stage constant integer := private.stripe_dispute_stage(p_reading.stripe_status);
begin
  -- Two processes may read the dispute from Stripe and apply it here in another sequence. Stripe only
  -- adds balance transactions, so smaller totals are older.
  if p_reading.withdrawn_cents < p_before.withdrawn_cents
    or p_reading.reinstated_cents < p_before.reinstated_cents
  then
    return false;
  end if;
  return p_reading.withdrawn_cents > p_before.withdrawn_cents
    or p_reading.reinstated_cents > p_before.reinstated_cents
    or v_stage > v_stage_before
    or (v_stage = v_stage_before and p_reading.stripe_status <> p_before.stripe_status);
end;
$$;
comment on function private.is_dispute_news is 'Return true if a dispute as read from Stripe is newer than our row. Equal totals with an earlier stage are old.';

create function private.dispute_type_of(p_stripe_reason text)
returns public.dispute_type
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_stripe_reason
    when 'product_not_received' then 'item_not_received'
    when 'product_unacceptable' then 'item_not_as_described'
    else 'other'
  end;
end;
$$;
comment on function private.dispute_type_of is 'Return the kind of complaint that a reason at Stripe stands for.';

create function private.resolution_type_of(p_decision public.dispute_decision)
returns public.dispute_resolution_type
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_decision
    when 'refund' then 'full_refund'
    when 'partial' then 'partial_refund'
    when 'deny' then 'no_action'
  end;
end;
$$;
comment on function private.resolution_type_of is 'Return the result that a decision of staff leads to.';

create function private.keep_dispute_in_step()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'UPDATE' and new.status = old.status and new.state <> old.state then
    new.status := case new.state
      when 'open' then 'open'
      when 'review' then 'under_review'
      when 'needs_evidence' then 'escalated'
      else 'resolved'
    end;
  end if;
  new.state := case new.status
    when 'open' then 'open'
    when 'under_review' then 'review'
    when 'escalated' then 'needs_evidence'
    else 'resolved'
  end;
  return new;
end;
$$;
comment on function private.keep_dispute_in_step is 'Trigger: derive state from status, or status from a state that was changed alone. Two pages read one column each.';

create function private.settle_dispute(
  p_payment public.payments, p_reading public.disputes, out is_news boolean,
  out alerts text[]
)
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_before public.disputes;
  v_dispute public.disputes;
begin
  alerts := '{}';
  if not private.is_dispute_readable(p_payment, p_reading) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  select * into v_order from public.orders where id = p_payment.order_id;
  select * into v_before from public.disputes
  where stripe_dispute_id = p_reading.stripe_dispute_id for update;
  is_news := v_before.id is null or private.is_dispute_news(v_before, p_reading);
  if not is_news then
    return;
  end if;

  if v_before.id is null then
    v_before := private.add_stripe_dispute(v_order, p_payment, p_reading);
  end if;
  v_dispute := private.write_stripe_dispute(v_before, p_payment, p_reading);
  alerts := private.post_dispute_change(v_order, p_payment, v_before, v_dispute);
  if p_payment.settles_order then
    perform private.notify_of_stripe_dispute(v_order, v_dispute);
    perform private.follow_disputes(
      v_order.id, null, 'stripe', 'dispute_' || v_dispute.stripe_status
    );
    if private.lost_amount(v_dispute) > private.lost_amount(v_before) then
      perform private.queue_reversal(v_order.id, 'dispute:' || v_dispute.stripe_dispute_id);
    end if;
    -- Money that Stripe gives back is due to the seller again.
    perform private.queue_transfer(v_order.id);
  end if;
end;
$$;
comment on function private.settle_dispute is 'Apply a dispute as just read from Stripe: row, ledger, notifications, state of the order and reversal of transfers. The result is the same for every sequence of events. The caller holds the locks of order and payment.';

create function private.is_dispute_readable(p_payment public.payments, p_reading public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    p_reading.stripe_dispute_id is not null
    and p_reading.stripe_status is not null
    and p_reading.amount_cents >= 0
    and p_reading.currency = p_payment.currency
    and p_reading.reinstated_cents between 0 and p_reading.withdrawn_cents,
    false
  );
end;
$$;
comment on function private.is_dispute_readable is 'Return true if a dispute as read from Stripe has all values that we need, in the form that we expect.';

create function private.add_stripe_dispute(
  p_order public.orders, p_payment public.payments, p_reading public.disputes
)
returns public.disputes
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_dispute public.disputes;
begin
  insert into public.disputes (
    order_id, payment_id, initiator_id, respondent_id, dispute_type, reason, amount_cents,
    currency, status, stripe_dispute_id, stripe_status, created_at
  )
  values (
    p_order.id, p_payment.id, p_order.buyer_id, p_order.seller_id,
    private.dispute_type_of(p_reading.reason), p_reading.reason, p_reading.amount_cents,
    p_reading.currency, private.dispute_status(p_reading.stripe_status),
    p_reading.stripe_dispute_id, p_reading.stripe_status,
    coalesce(p_reading.created_at, v_now)
  )
  returning * into v_dispute;
  return v_dispute;
end;
$$;
comment on function private.add_stripe_dispute is 'Record a dispute at Stripe before any of its money has moved.';

create function private.write_stripe_dispute(
  p_before public.disputes, p_payment public.payments, p_reading public.disputes
)
returns public.disputes
language plpgsql
set search_path = ''
as $$
declare
  v_is_closed constant boolean := not private.is_stripe_dispute_open(p_reading.stripe_status);
  v_is_lost constant boolean := private.is_dispute_lost(
    p_reading.stripe_status, p_reading.withdrawn_cents, p_reading.reinstated_cents
  );
  v_lost_cents constant bigint := p_reading.withdrawn_cents - p_reading.reinstated_cents;
  v_now constant timestamptz := private.clock();
  v_dispute public.disputes;
begin
  update public.disputes
  set
    amount_cents = p_reading.amount_cents,
    reason = p_reading.reason,
    withdrawn_cents = p_reading.withdrawn_cents,
    reinstated_cents = p_reading.reinstated_cents,
    stripe_status = p_reading.stripe_status,
    status = private.dispute_status(p_reading.stripe_status),
    resolution = case when v_is_closed then p_reading.stripe_status end,
    resolution_type = case
      when not v_is_closed then null
      when not v_is_lost or v_lost_cents = 0 then 'no_action'
      when v_lost_cents < p_payment.amount_cents then 'partial_refund'
      else 'full_refund'
    end::public.dispute_resolution_type,
    resolved_at = case when v_is_closed then coalesce(resolved_at, v_now) end
  where id = p_before.id
  returning * into v_dispute;
  return v_dispute;
end;
$$;
comment on function private.write_stripe_dispute is 'Write the current status and totals of a dispute at Stripe.';

create function private.post_dispute_change(
  p_order public.orders, p_payment public.payments, p_before public.disputes,
  p_dispute public.disputes
)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
  v_change_cents constant bigint := private.lost_amount(p_dispute)
    - private.lost_amount(p_before);
begin
  perform private.post_hold(
    p_order, p_dispute, p_dispute.withdrawn_cents - p_before.withdrawn_cents,
    p_dispute.reinstated_cents - p_before.reinstated_cents
  );
  if v_change_cents <> 0 then
    perform private.post_loss(p_order, p_payment, p_dispute, v_change_cents);
  end if;
  return case
    when v_change_cents < 0 then array['dispute_loss_reversed'] else '{}'
  end || case
    when p_dispute.status = 'closed'
      and p_dispute.stripe_status not in ('won', 'lost', 'warning_closed')
      then array['dispute_ended_otherwise']
    else '{}'
  end;
end;
$$;
comment on function private.post_dispute_change is 'Post the difference between two states of a dispute, and return the alerts for a person.';

create function private.lost_amount(p_dispute public.disputes)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when private.is_dispute_lost(
      p_dispute.stripe_status, p_dispute.withdrawn_cents, p_dispute.reinstated_cents
    ) then p_dispute.withdrawn_cents - p_dispute.reinstated_cents
    else 0
  end;
end;
$$;
comment on function private.lost_amount is 'Return the amount that one dispute has cost.';

create function private.notify_of_stripe_dispute(
  p_order public.orders, p_dispute public.disputes
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.notify_of_dispute(
    p_order, p_dispute, 'dispute_created', 'Payment disputed',
    'The bank of the buyer disputes the payment for %s. The order waits for its decision.',
    array[p_order.seller_id]
  );
  if p_dispute.status = 'closed' then
    perform private.notify_of_dispute(
      p_order, p_dispute, 'dispute_resolved', 'Dispute closed',
      case
        when private.lost_amount(p_dispute) > 0
          then 'The bank has decided the dispute about %s for the buyer.'
        else 'The dispute about %s is closed. The order goes on.'
      end,
      array[p_order.buyer_id, p_order.seller_id]
    );
  end if;
end;
$$;
comment on function private.notify_of_stripe_dispute is 'Notify the seller that a bank disputes the payment, and both parties of the end.';

-- Disputes: RPCs.

create function public.apply_dispute(
  event_id text, stripe_dispute_id text, payment_intent_id text, charge_id text,
  amount_cents bigint, currency text, status text, reason text, withdrawn_cents bigint,
  reinstated_cents bigint, created bigint, order_ref text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.apply_dispute(
    apply_dispute.event_id,
    apply_dispute.stripe_dispute_id,
    apply_dispute.payment_intent_id,
    apply_dispute.charge_id,
    apply_dispute.amount_cents,
    apply_dispute.currency,
    apply_dispute.status,
    apply_dispute.reason,
    apply_dispute.withdrawn_cents,
    apply_dispute.reinstated_cents,
    apply_dispute.created,
    apply_dispute.order_ref
  );
end;
$$;
comment on function public.apply_dispute is 'Apply an event about a dispute at Stripe, with the dispute as the caller has just read it: {outcome, order_id, outbox_ids, alerts}. withdrawn_cents and reinstated_cents are sums of its balance transactions. An older reading has the outcome order_already_processed. Raises INTENT_UNKNOWN (call again with the order_ref of the intent''s metadata), PREDECESSOR_MISSING (its payment is not recorded yet) and PAYLOAD_UNREADABLE.';
grant execute on function public.apply_dispute to service_role;

create function public.record_dispute(
  stripe_dispute_id text, payment_intent_id text, charge_id text, amount_cents bigint,
  currency text, status text, reason text, withdrawn_cents bigint, reinstated_cents bigint,
  created bigint
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.record_dispute(
    record_dispute.stripe_dispute_id,
    record_dispute.payment_intent_id,
    record_dispute.charge_id,
    record_dispute.amount_cents,
    record_dispute.currency,
    record_dispute.status,
    record_dispute.reason,
    record_dispute.withdrawn_cents,
    record_dispute.reinstated_cents,
    record_dispute.created
  );
end;
$$;
comment on function public.record_dispute is 'Apply a dispute that the caller has just read from Stripe, as the event about it does: {outcome, order_id, outbox_ids, alerts}. A dispute of an unknown payment is ignored. Raises PAYLOAD_UNREADABLE.';
grant execute on function public.record_dispute to service_role;

create function public.claim_open_disputes(max_rows integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.claim_open_disputes(claim_open_disputes.max_rows);
end;
$$;
comment on function public.claim_open_disputes is 'Return the ids at Stripe of disputes that may have changed without an event: those that are open, and those that were won and whose money is missing. Each is returned at most every ten minutes, to one caller.';
grant execute on function public.claim_open_disputes to service_role;

create function public.open_dispute(
  order_id uuid, dispute_type text, reason text, description text,
  client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.open_dispute(
    open_dispute.order_id,
    open_dispute.dispute_type,
    open_dispute.reason,
    open_dispute.description,
    open_dispute.client_request_id
  );
end;
$$;
comment on function public.open_dispute is 'Open a dispute about an order, as its buyer or seller: {success, dispute_id}. The order is disputed until staff decide. dispute_type is item_not_received, item_not_as_described, damaged_item, wrong_item or other. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, VALIDATION_ERROR, PAYMENT_IN_TEXT (with field, start, end), CONFLICT (the order is not between payment and release, or a refund or a dispute is open), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';
grant execute on function public.open_dispute to authenticated;

create function public.resolve_dispute(
  dispute_id uuid, decision text, note text, refund_cents bigint default null,
  client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.resolve_dispute(
    resolve_dispute.dispute_id,
    resolve_dispute.decision,
    resolve_dispute.note,
    resolve_dispute.refund_cents,
    resolve_dispute.client_request_id
  );
end;
$$;
comment on function public.resolve_dispute is 'Decide a dispute that a party opened, as staff: {success}. refund: all that is left goes back, then the order is refunded. partial: refund_cents goes back, then the order continues. deny: the order continues. Audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (a party of the dispute), VALIDATION_ERROR, CONFLICT (decided already, the bank decides, or Stripe holds the money), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.resolve_dispute to authenticated;

create function public.add_dispute_message(
  dispute_id uuid, content text, is_internal boolean default false,
  client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.add_dispute_message(
    add_dispute_message.dispute_id,
    add_dispute_message.content,
    add_dispute_message.is_internal,
    add_dispute_message.client_request_id
  );
end;
$$;
comment on function public.add_dispute_message is 'Write a message about a dispute, as a party or staff: {success, message_id}. Only staff write and read internal messages. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, CONFLICT (the dispute is decided), VALIDATION_ERROR, PAYMENT_IN_TEXT (with field, start, end; never for staff), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';
grant execute on function public.add_dispute_message to authenticated;

-- Disputes: grants and row level security.

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
using ((
  select
    not dispute_messages.is_internal
    or (
      (select private.is_staff())
      and (select auth.uid()) not in (disputes.initiator_id, disputes.respondent_id)
    )
  from public.disputes
  where disputes.id = dispute_messages.dispute_id
));
comment on policy parties_read_dispute_messages on public.dispute_messages is 'The parties read the messages of their dispute. Only staff read internal ones, and not about a dispute of their own.';

-- Disputes: triggers.

create trigger disputes_stamp_updated_at
before update on public.disputes
for each row execute function private.stamp_updated_at();

create trigger disputes_keep_state_and_status_in_step
before insert or update on public.disputes
for each row execute function private.keep_dispute_in_step();
