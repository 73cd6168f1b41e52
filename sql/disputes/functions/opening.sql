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
