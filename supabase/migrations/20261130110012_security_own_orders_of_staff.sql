set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.requeue_event(p_event_id text, p_actor_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_event public.webhook_events;
  v_now timestamptz;
begin
  v_event := private.lock_event(p_event_id);
  v_now := private.clock();
  if private.is_event_about(v_event, p_actor_id) then
    return private.refusal('FORBIDDEN', 'This event is about you or an order of yours');
  elsif v_event.processed_at is not null then
    return private.refusal('CONFLICT', 'This event is settled already');
  end if;

  update public.webhook_events
  set
    status = 'received', attempts = 0, next_attempt_at = v_now, leased_until = null,
    lease_token = null
  where event_id = p_event_id;
  perform private.write_audit(
    p_actor_id, 'webhook_event_requeued', 'webhook_events', p_event_id, p_reason,
    jsonb_build_object('status', v_event.status)
  );
  return jsonb_build_object('success', true);
end;
$$;

create function private.is_event_about(p_event public.webhook_events, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.is_party(
    coalesce(p_event.order_id, private.order_id_in(p_event.order_ref)), p_user_id
  ) or exists (
    select from public.payments
    where
      stripe_payment_intent_id = p_event.payment_intent_id
      and private.is_party(order_id, p_user_id)
  ) or exists (
    select from public.users
    where id = p_user_id and stripe_connect_account_id = p_event.object_id
  ) or exists (
    select from private.kyc_sessions
    where stripe_session_id = p_event.object_id and user_id = p_user_id
  );
end;
$$;
comment on function private.is_event_about is 'Return true if an event is about an order of a user, the user''s account at Stripe or the user''s verification.';

create or replace function public.requeue_webhook_event(
  event_id text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_webhook_event(
    requeue_webhook_event.event_id, requeue_webhook_event.client_request_id
  );
end;
$$;
comment on function public.requeue_webhook_event is 'Give a dead or open event all of its tries again, due at once; for staff and our own processes, audited. Refusals: FORBIDDEN (the event is about the caller or an order of the caller), CONFLICT when it is settled, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN, EVENT_NOT_FOUND.';

create or replace function public.replay_webhook_event(event_id text, actor_id uuid, reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.replay_webhook_event(
    replay_webhook_event.event_id, replay_webhook_event.actor_id, replay_webhook_event.reason
  );
end;
$$;
comment on function public.replay_webhook_event is 'Give a dead or open event all of its tries again, due at once: {success}. Audited with this member of staff, whose rights the caller has checked. A repeat changes nothing and succeeds. Refusals: RESOURCE_NOT_FOUND, VALIDATION_ERROR, FORBIDDEN when the event is about this member of staff or an order of theirs, CONFLICT when it is settled.';

create function private.is_party(p_order_id uuid, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.orders where id = p_order_id and p_user_id in (buyer_id, seller_id)
  );
end;
$$;
comment on function private.is_party is 'Return true if a user is the buyer or the seller of an order.';

create or replace function private.requeue_dead_row(p_outbox_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.reason_refusal(p_reason);
  v_job public.outbox;
  v_now timestamptz;
begin
  select * into v_job from public.outbox where id = p_outbox_id for update;
  v_now := private.clock();
  if v_job.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'There is no such outbox row');
  elsif private.is_party((v_job.payload ->> 'order_id')::uuid, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You are a party of this order');
  elsif v_refusal is not null then
    return v_refusal;
  elsif v_job.status <> 'dead' then
    return private.refusal('CONFLICT', 'Only a dead row can be queued again');
  end if;

  update public.outbox
  set
    status = 'queued', attempts = 0, unanswered_tries = 0, next_attempt_at = v_now,
    payload = payload - 'unpaid_since'
  where id = p_outbox_id;
  perform private.write_audit(
    auth.uid(), 'outbox_row_requeued', 'outbox', p_outbox_id::text,
    private.plain_reason(p_reason),
    jsonb_build_object('kind', v_job.kind, 'last_error', v_job.last_error)
  );
  return jsonb_build_object('success', true);
end;
$$;

create or replace function public.requeue_outbox(
  outbox_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.requeue_outbox(
    requeue_outbox.outbox_id, requeue_outbox.reason, requeue_outbox.client_request_id
  );
end;
$$;
comment on function public.requeue_outbox is 'Give a dead row all of its tries again, due at once: {success}; for staff and our own processes, audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (a party of the order), VALIDATION_ERROR, CONFLICT, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';

create or replace function private.refund_refusal(
  p_order public.orders, p_payment public.payments, p_user_id uuid, p_is_staff boolean,
  p_amount_cents bigint, p_left_cents bigint
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_owed constant boolean := coalesce(p_left_cents > 0, false)
  and private.is_owed_back(p_order, p_payment);
  -- Staff decide nothing about their own purchases and sales. As a seller they do what sellers may.
  v_is_staff constant boolean := p_is_staff
  and p_user_id not in (p_order.buyer_id, p_order.seller_id);
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
