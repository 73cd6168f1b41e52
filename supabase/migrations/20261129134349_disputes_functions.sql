set lock_timeout = '2s';
set statement_timeout = '30s';

update private.app_settings
set value = '{
  "open_dispute": {"max": 10, "window_s": 3600},
  "add_dispute_message": {"max": 20, "window_s": 60}
}' || value
where key = 'rate_limits';

comment on table private.order_transitions is 'The legal moves of an order, with the actors that may make each. needs is a condition. pickup: the listing offers pickup. money_back: all captured money is refunded or lost in disputes. state_before_dispute: the move leads to the state before the dispute.';

create or replace function private.anonymise_account(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user public.users;
begin
  -- The lock waits for bids and orders under way that refer to the user.
  select * into v_user from public.users where id = p_user_id for update;
  if v_user.id is null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif v_user.deleted_at is not null then
    return jsonb_build_object('success', true);
  elsif private.has_open_business(p_user_id) then
    return private.refusal(
      'ACCOUNT_BUSY', 'The account still has a running auction, an unfinished order or an open dispute'
    );
  end if;
  perform private.erase_personal_data(p_user_id);
  return jsonb_build_object('success', true);
end;
$$;

comment on function private.anonymise_account is 'Anonymise an account without a running auction, an unfinished order or an open dispute, or return the refusal. A repeat changes nothing and succeeds.';

create or replace function private.has_open_business(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.auctions as a
    join public.listings as l on l.id = a.listing_id
    where l.seller_id = p_user_id and a.status in ('scheduled', 'live')
  ) or exists (
    select from public.auctions where high_bidder_id = p_user_id and status = 'live'
  ) or exists (
    select from public.orders
    where
      p_user_id in (buyer_id, seller_id)
      and (state not in ('released', 'refunded', 'cancelled') or refund_pending)
  ) or exists (
    select from public.disputes
    where p_user_id in (initiator_id, respondent_id) and private.is_dispute_open(status)
  );
end;
$$;

comment on function private.has_open_business is 'Return true if a user sells or leads in a running auction, or has an unfinished order or an open dispute.';

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
  return exists (select from private.disputed_orders(p_order_id));
end;
$$;

comment on function private.is_in_dispute is 'Return true while a dispute keeps an order.';

create function private.disputed_orders(p_order_id uuid)
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
  where (p_order_id is null or dispute.order_id = p_order_id)
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
  v_answer jsonb := private.begin_request('open_dispute', p_client_request_id);
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
      -- Count the call last, so that the person may try again after a mistake.
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
  elsif auth.uid() not in (p_order.buyer_id, p_order.seller_id) then
    return private.refusal('FORBIDDEN', 'Only the buyer or the seller can open a dispute');
  elsif private.is_suspended(auth.uid()) then
    return private.refusal('USER_SUSPENDED', 'Your account is suspended');
  end if;
  return null;
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
  v_answer jsonb := private.begin_request('resolve_dispute', p_client_request_id);
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

create function private.add_dispute_message(
  p_dispute_id uuid, p_content text, p_is_internal boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('add_dispute_message', p_client_request_id);
  v_content constant text := private.plain_text(p_content, 1000);
  v_dispute public.disputes;
  v_message_id uuid;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  select * into v_dispute from public.disputes where id = p_dispute_id;
  v_answer := coalesce(
    private.dispute_writer_refusal(v_dispute, coalesce(p_is_internal, false)),
    case
      when coalesce(private.visible_length(v_content), 0) < 1 or char_length(v_content) > 1000
        then private.refusal('VALIDATION_ERROR', 'A message has 1 to 1000 characters')
    end,
    private.use_rate_limit('add_dispute_message')
  );
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
  elsif private.is_suspended(auth.uid()) then
    return private.refusal('USER_SUSPENDED', 'Your account is suspended');
  elsif not private.is_dispute_open(p_dispute.status) then
    return private.refusal('CONFLICT', 'This dispute is decided already');
  end if;
  return null;
end;
$$;

comment on function private.dispute_writer_refusal is 'Return the reason why the caller may not write this message, or null. Staff may always write, but a party only while the dispute is open.';

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

create or replace function private.is_stripe_dispute_open(p_stripe_status text)
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

create function private.is_dispute_news(p_before public.disputes, p_told public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_stage_before constant integer := private.stripe_dispute_stage(p_before.stripe_status);
  v_stage constant integer := private.stripe_dispute_stage(p_told.stripe_status);
begin
  -- Two processes may read the dispute from Stripe and apply it here in another sequence. Stripe only
  -- adds balance transactions, so smaller totals are older.
  if p_told.withdrawn_cents < p_before.withdrawn_cents
    or p_told.reinstated_cents < p_before.reinstated_cents
  then
    return false;
  end if;
  return p_told.withdrawn_cents > p_before.withdrawn_cents
    or p_told.reinstated_cents > p_before.reinstated_cents
    or v_stage > v_stage_before
    or (v_stage = v_stage_before and p_told.stripe_status <> p_before.stripe_status);
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
  v_told public.disputes;
  v_change record;
begin
  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
  v_intent_id := private.intent_of_charge(p_payment_intent_id, p_charge_id);
  v_order_id := private.order_of_intent(v_intent_id, p_order_ref);
  if v_order_id is null then
    return private.settle_misplaced_event(p_event_id, null);
  end if;
  perform from public.orders where id = v_order_id for update;
  select * into v_payment from public.payments
  where stripe_payment_intent_id = v_intent_id and private.is_captured(status) for update;
  if v_payment.id is null then
    raise sqlstate 'PT409' using message = 'PREDECESSOR_MISSING';
  end if;

  v_told.stripe_dispute_id := p_stripe_dispute_id;
  v_told.amount_cents := p_amount_cents;
  v_told.currency := p_currency;
  v_told.stripe_status := p_status;
  v_told.reason := coalesce(p_reason, 'general');
  v_told.withdrawn_cents := p_withdrawn_cents;
  v_told.reinstated_cents := p_reinstated_cents;
  v_told.created_at := to_timestamp(p_created);
  v_change := private.settle_dispute(v_payment, v_told);
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

create function private.settle_dispute(
  p_payment public.payments, p_told public.disputes, out is_news boolean,
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
  if not private.is_dispute_readable(p_payment, p_told) then
    raise sqlstate 'PT422' using message = 'PAYLOAD_UNREADABLE';
  end if;
  select * into v_order from public.orders where id = p_payment.order_id;
  select * into v_before from public.disputes
  where stripe_dispute_id = p_told.stripe_dispute_id for update;
  is_news := v_before.id is null or private.is_dispute_news(v_before, p_told);
  if not is_news then
    return;
  end if;

  if v_before.id is null then
    v_before := private.add_stripe_dispute(v_order, p_payment, p_told);
  end if;
  v_dispute := private.write_stripe_dispute(v_before, p_payment, p_told);
  alerts := private.post_dispute_change(v_order, p_payment, v_before, v_dispute);
  if p_payment.settles_order then
    perform private.notify_of_stripe_dispute(v_order, v_dispute);
    perform private.follow_disputes(
      v_order.id, null, 'stripe', 'dispute_' || v_dispute.stripe_status
    );
    if private.lost_amount(v_dispute) > private.lost_amount(v_before) then
      perform private.queue_reversal(v_order.id, 'dispute:' || v_dispute.stripe_dispute_id);
    end if;
  end if;
end;
$$;

comment on function private.settle_dispute is 'Apply a dispute as just read from Stripe: row, ledger, notifications, state of the order and reversal of transfers. The result is the same for every sequence of events. The caller holds the locks of order and payment.';

create function private.is_dispute_readable(p_payment public.payments, p_told public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    p_told.stripe_dispute_id is not null
    and p_told.stripe_status is not null
    and p_told.amount_cents >= 0
    and p_told.currency = p_payment.currency
    and p_told.reinstated_cents between 0 and p_told.withdrawn_cents,
    false
  );
end;
$$;

comment on function private.is_dispute_readable is 'Return true if a dispute as read from Stripe has all values that we need, in the form that we expect.';

create function private.add_stripe_dispute(
  p_order public.orders, p_payment public.payments, p_told public.disputes
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
    private.dispute_type_of(p_told.reason), p_told.reason, p_told.amount_cents, p_told.currency,
    private.dispute_status(p_told.stripe_status), p_told.stripe_dispute_id, p_told.stripe_status,
    coalesce(p_told.created_at, v_now)
  )
  returning * into v_dispute;
  return v_dispute;
end;
$$;

comment on function private.add_stripe_dispute is 'Record a dispute at Stripe before any of its money has moved.';

create function private.write_stripe_dispute(
  p_before public.disputes, p_payment public.payments, p_told public.disputes
)
returns public.disputes
language plpgsql
set search_path = ''
as $$
declare
  v_is_closed constant boolean := not private.is_stripe_dispute_open(p_told.stripe_status);
  v_is_lost constant boolean := private.is_dispute_lost(
    p_told.stripe_status, p_told.withdrawn_cents, p_told.reinstated_cents
  );
  v_lost_cents constant bigint := p_told.withdrawn_cents - p_told.reinstated_cents;
  v_now constant timestamptz := private.clock();
  v_dispute public.disputes;
begin
  update public.disputes
  set
    amount_cents = p_told.amount_cents,
    reason = p_told.reason,
    withdrawn_cents = p_told.withdrawn_cents,
    reinstated_cents = p_told.reinstated_cents,
    stripe_status = p_told.stripe_status,
    status = private.dispute_status(p_told.stripe_status),
    resolution = case when v_is_closed then p_told.stripe_status end,
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

create or replace function private.contradicted_orders(p_order_id uuid)
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
  select
    orders.id, orders.currency, claim.account, claim.expected_cents,
    private.contradiction_cents(claim.actual_cents, claim.expected_cents, orders.amount_cents)
  from public.orders
    left join public.payments on orders.id = payments.order_id and payments.settles_order
    left join private.refund_totals(p_order_id) as refunded
      on payments.id = refunded.payment_id
    left join private.dispute_totals(p_order_id) as disputed
      on payments.id = disputed.payment_id
    left join private.disputed_orders(p_order_id) as kept on orders.id = kept.order_id
    cross join lateral (
      select
        coalesce(payments.amount_cents, 0) as captured_cents,
        coalesce(refunded.succeeded_cents, 0) as returned_cents,
        coalesce(refunded.pending_cents, 0) as pending_cents,
        coalesce(
          payments.amount_cents - coalesce(refunded.succeeded_cents, 0) - private.borne_cents(
            payments.amount_cents,
            coalesce(refunded.succeeded_cents + refunded.pending_cents, 0),
            coalesce(disputed.lost_cents, 0)
          ),
          0
        ) as held_cents,
        private.fee_cents(orders.amount_cents, orders.platform_fee_bps) as fee_cents
    ) as money
    cross join lateral (
      values
      ('orders.amount_cents', money.captured_cents, orders.amount_cents,
        orders.amount_cents = payments.amount_cents
        or (payments.id is null and orders.paid_at is null)),
      ('orders.platform_fee_cents', money.fee_cents, orders.platform_fee_cents,
        orders.platform_fee_cents = money.fee_cents),
      ('orders.refunded_cents', money.returned_cents, orders.refunded_cents,
        orders.refunded_cents = money.returned_cents),
      ('orders.refund_pending', money.pending_cents, null,
        orders.refund_pending = (money.pending_cents > 0)),
      ('orders.state', money.held_cents, null,
        private.is_state_backed(orders.state, payments.id is not null, money.held_cents)
        and private.is_state_undisputed(orders.state, kept.order_id is not null)),
      ('orders.stripe_payment_intent_id', money.captured_cents, null,
        orders.stripe_payment_intent_id = payments.stripe_payment_intent_id
        or (payments.id is null and private.is_unpaid_intent_right(orders)))
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_id is null or orders.id = p_order_id) and claim.is_right is not true;
end;
$$;

create function private.is_state_undisputed(p_state public.order_state, p_is_kept boolean)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when private.is_ended(p_state) then true
    else p_is_kept = (p_state = 'disputed')
  end;
end;
$$;

comment on function private.is_state_undisputed is 'Return true if the disputes of an order do not contradict its state: an order that has not ended is disputed while a dispute keeps it, and only then.';

create or replace function private.contradicted_disputes(p_order_id uuid)
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
  select
    dispute.order_id, dispute.currency, claim.account, claim.expected_cents,
    private.contradiction_cents(
      claim.actual_cents, claim.expected_cents, greatest(dispute.amount_cents, 1)
    )
  from public.disputes as dispute
    join public.orders on dispute.order_id = orders.id
    left join public.payments as payment on dispute.payment_id = payment.id
    left join public.refunds as refund
      on refund.idempotency_key = private.decision_key(dispute.id)
    cross join lateral (
      select
        -coalesce(sum(amount_cents) filter (where step = 'withdrawn'), 0)::bigint
          as withdrawn_cents,
        coalesce(sum(amount_cents) filter (where step = 'reinstated'), 0)::bigint
          as reinstated_cents
      from (
        select entry.amount_cents, split_part(entry.fact, ':', 3) as step
        from public.ledger_entries as entry
        where entry.order_id = dispute.order_id
          and entry.entry_type = 'HOLD'
          and entry.account = 'stripe_clearing'
          and split_part(entry.fact, ':', 2) = dispute.stripe_dispute_id
      ) as hold
    ) as posted
    cross join lateral (
      values
      ('disputes.withdrawn_cents', posted.withdrawn_cents, dispute.withdrawn_cents,
        dispute.withdrawn_cents = posted.withdrawn_cents),
      ('disputes.reinstated_cents', posted.reinstated_cents, dispute.reinstated_cents,
        dispute.reinstated_cents = posted.reinstated_cents),
      ('disputes.currency', 0, null,
        dispute.currency = coalesce(payment.currency, orders.currency)),
      ('disputes.order_id', 0, null, coalesce(dispute.order_id = payment.order_id, true)),
      ('disputes.status', 0, null, private.is_dispute_status_backed(dispute)),
      ('disputes.decision', 0, null,
        (dispute.decision is not null) = (dispute.status = 'resolved')
        and (
          dispute.decision is null
          or dispute.resolution_type = private.resolution_type_of(dispute.decision)
        )),
      ('disputes.refund_cents', coalesce(refund.amount_cents, 0), dispute.refund_cents,
        coalesce(dispute.refund_cents, 0) = coalesce(refund.amount_cents, 0)
        and coalesce(dispute.decision <> 'deny', false) = (refund.id is not null))
    ) as claim (account, expected_cents, actual_cents, is_right)
  where (p_order_id is null or dispute.order_id = p_order_id) and claim.is_right is not true;
end;
$$;

comment on function private.contradicted_disputes is 'Return the columns of disputes that their payment, the posted withdrawals, their status at Stripe or the decided refund contradict.';

create function private.is_dispute_status_backed(p_dispute public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (p_dispute.resolved_at is not null) = not private.is_dispute_open(p_dispute.status)
    and case
      when p_dispute.stripe_status is null then p_dispute.status <> 'closed'
      else p_dispute.status = private.dispute_status(p_dispute.stripe_status)
        and p_dispute.resolution is not distinct from case
          when not private.is_stripe_dispute_open(p_dispute.stripe_status)
            then p_dispute.stripe_status
        end
    end;
end;
$$;

comment on function private.is_dispute_status_backed is 'Return true if the status of a dispute fits its end and its status at Stripe. Stripe alone closes its disputes, and staff resolve the others.';

create or replace function private.act_on_order(p_order_id uuid, p_user_id uuid, p_action text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order public.orders;
  v_kind public.actor_kind;
  v_rule private.order_actions;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_kind := private.party_of(v_order, p_user_id);
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif not exists (
    select from private.order_actions where action = p_action and actor_kind = v_kind
  ) then
    return private.refusal('FORBIDDEN', 'This action is not yours to take on this order');
  end if;

  -- The parties may press a button twice, and the service repeats a call whose answer was lost.
  if private.is_action_done(v_order, p_action, v_kind) then
    return private.action_answer(p_order_id, p_action);
  end if;
  select * into v_rule from private.order_actions
  where action = p_action and actor_kind = v_kind and from_state = v_order.state;
  if v_rule.action is null then
    return private.state_refusal(v_order);
  elsif v_order.refund_pending then
    return private.refusal('CONFLICT', 'A refund of this order is still under way');
  elsif v_rule.needs_refund and exists (
    select from public.payments
    where order_id = p_order_id and settles_order and private.held_cents(id) > 0
  ) then
    return private.refusal('CONFLICT', 'Stripe holds this money for a dispute');
  end if;
  perform private.take_action(v_order, v_rule, p_user_id);
  return private.action_answer(p_order_id, p_action);
end;
$$;

create or replace function private.refund_overdue_order(p_order_id uuid, p_now timestamptz)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_order public.orders;
  v_payment public.payments;
begin
  select * into v_order from public.orders where id = p_order_id;
  select * into v_payment from public.payments
  where order_id = p_order_id and settles_order for update;
  if private.held_cents(v_payment.id) > 0 then
    return false;
  end if;
  perform private.reserve_refund(
    v_order, v_payment, private.seller_base_cents(p_order_id), 'cancelled', 'not_handed_over',
    null, private.overdue_key(p_order_id)
  );
  perform private.strike(v_order.seller_id, p_order_id, 'not_handed_over', p_now);
  set constraints all immediate;
  set constraints all deferred;
  return true;
exception
  when others then
    raise warning 'the refund of order % could not be queued: %', p_order_id, sqlerrm;
    return false;
end;
$$;

create or replace function private.is_transition_legal(
  p_order public.orders, p_to_state public.order_state, p_actor_kind public.actor_kind
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.order_transitions as legal
    where legal.from_state = p_order.state
      and legal.to_state = p_to_state
      and p_actor_kind = any(legal.actor_kinds)
      -- While a refund is pending, only Stripe and staff move the order.
      and (not p_order.refund_pending or p_actor_kind in ('stripe', 'admin'))
      -- An order stays disputed until its last dispute ends or all its money is back.
      and (
        p_order.state <> 'disputed'
        or p_order.refunded_cents = p_order.amount_cents
        or not private.is_in_dispute(p_order.id)
      )
      and case legal.needs
        when 'money_back' then private.is_money_gone(p_order)
        when 'state_before_dispute' then p_order.state_before_dispute = p_to_state
        when 'pickup' then exists (
          select from public.listings where id = p_order.listing_id and pickup
        )
        else true
      end
  );
end;
$$;

create or replace function private.refund_refusal(
  p_order public.orders, p_payment public.payments, p_user_id uuid, p_amount_cents bigint,
  p_left_cents bigint
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_owed constant boolean := coalesce(p_left_cents > 0, false)
  and private.is_owed_back(p_order, p_payment);
  v_is_staff constant boolean := exists (
    select from public.users
    where
      id = p_user_id
      and role in ('admin', 'moderator')
      and suspended_at is null
      and deleted_at is null
  );
begin
  if p_user_id is distinct from p_order.seller_id
    and not v_is_staff
    -- Our own jobs call without a user id. They may refund only money that must go back to the
    -- buyer.
    and not (v_is_owed and p_user_id is null)
  then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  elsif not (
    case
      when v_is_owed then v_is_staff or p_user_id is null
      when p_order.state = 'released' then v_is_staff
      else p_order.state in ('paid', 'ready_for_handover', 'shipped', 'delivered')
    end
  ) then
    return private.refusal('CONFLICT', 'This order cannot be refunded as it stands');
  elsif private.held_cents(p_payment.id) > 0 then
    return private.refusal('CONFLICT', 'Stripe holds this money for a dispute');
  elsif coalesce(p_amount_cents not between 1 and p_left_cents, true) then
    return private.refusal('VALIDATION_ERROR', 'Refund must be within what is left of the payment');
  end if;
  return null;
end;
$$;

create or replace function private.unreturned_payments()
returns table (
  order_id uuid, payment_intent_id text, currency text, captured_cents bigint,
  unreturned_cents bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  select
    payment.order_id, payment.stripe_payment_intent_id, payment.currency, payment.amount_cents,
    private.unrefunded_cents(payment)
  from public.payments as payment
    join public.orders on payment.order_id = orders.id
  where private.is_captured(payment.status)
    and private.is_owed_back(orders, payment)
    and private.unrefunded_cents(payment) > 0
    -- Stripe refuses refunds of money that it holds.
    and private.held_cents(payment.id) = 0
  order by payment.created_at, payment.id;
end;
$$;

comment on function private.unreturned_payments is 'Return the payments that must go back and of which a part is neither refunded, pending nor lost; see the public wrapper.';

create or replace function private.apply_refund_effects(
  p_order public.orders, p_payment public.payments, p_refund public.refunds
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_returned_cents bigint;
  v_pending boolean;
  v_order public.orders;
begin
  select
    coalesce(sum(amount_cents) filter (where status = 'succeeded'), 0),
    coalesce(bool_or(status = 'pending'), false)
  into v_returned_cents, v_pending
  from public.refunds where payment_id = p_payment.id;
  update public.payments
  set status = private.captured_status(amount_cents, v_returned_cents)
  where id = p_payment.id;
  if p_refund.status = 'succeeded' then
    perform private.notify_of_refund(p_order, p_payment, p_refund);
  end if;
  if not p_payment.settles_order then
    return;
  end if;

  update public.orders
  set refunded_cents = v_returned_cents, refund_pending = v_pending
  where id = p_order.id
  returning * into v_order;
  if v_order.refunded_cents = v_order.amount_cents then
    perform private.end_refunded_order(v_order);
  elsif private.is_decision_refund(p_refund) or private.is_money_gone(v_order) then
    perform private.follow_disputes(p_order.id, null, 'stripe', 'refund_' || p_refund.status);
  end if;
end;
$$;

create or replace function private.end_refunded_order(p_order public.orders)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_state constant public.order_state := coalesce(p_order.state_before_dispute, p_order.state);
  v_reason text;
begin
  if private.is_ended(p_order.state) then
    return;
  end if;
  select reason into v_reason from public.refunds
  where order_id = p_order.id and target_state = 'cancelled' and status = 'succeeded'
  limit 1;
  if found and v_state in ('paid', 'ready_for_handover') then
    -- No move leads from disputed to cancelled.
    perform private.transition_order(p_order.id, v_state, null, 'stripe', v_reason);
    perform private.transition_order(p_order.id, 'cancelled', null, 'stripe', v_reason);
  else
    perform private.transition_order(
      p_order.id, 'refunded', null, 'stripe',
      case p_order.refunded_cents
        when p_order.amount_cents then 'refund_succeeded' else 'dispute_lost'
      end
    );
  end if;
end;
$$;

comment on function private.end_refunded_order is 'End an order when all of its money is refunded or lost. It becomes cancelled if a refund had that target and the order was not handed over, otherwise refunded. The sequence of refunds and disputes does not matter.';

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

comment on function public.open_dispute is 'Open a dispute about an order, as its buyer or seller: {success, dispute_id}. The order is disputed until staff decide. dispute_type is item_not_received, item_not_as_described, damaged_item, wrong_item or other. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, VALIDATION_ERROR, CONFLICT (the order is not between payment and release, or a refund or a dispute is open), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

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

comment on function public.add_dispute_message is 'Write a message about a dispute, as a party or staff: {success, message_id}. Only staff write and read internal messages. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, CONFLICT (the dispute is decided), VALIDATION_ERROR, RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

grant execute on function public.add_dispute_message to authenticated;

comment on function public.unreturned_payments is 'Return every payment that must go back to the buyer: a stray, or a payment of an order that has ended. unreturned_cents is the part that is neither refunded, pending nor lost in a dispute. A payment is left out while Stripe holds its money for a dispute. Call refund_payment for each.';

create trigger disputes_keep_state_and_status_in_step
before insert or update on public.disputes
for each row execute function private.keep_dispute_in_step();
