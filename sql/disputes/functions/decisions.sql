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
