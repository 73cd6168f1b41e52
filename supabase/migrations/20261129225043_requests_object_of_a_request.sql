set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.begin_request;

alter table private.request_receipts add column object_id uuid;

comment on column private.request_receipts.object_id is 'The listing, order, dispute or message that the call is about. Null for a call that creates its object.';

create function private.begin_request(
  p_function text, p_request_id uuid, p_object_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_receipt private.request_receipts;
begin
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_request_id is null then
    return null;
  end if;
  -- The insert waits until a concurrent call with the same id ends. A success has then left its
  -- answer, and a refusal has left no row.
  insert into private.request_receipts (caller_id, client_request_id, function, object_id)
  values (auth.uid(), p_request_id, p_function, p_object_id)
  on conflict (caller_id, client_request_id) do nothing;
  if found then
    return null;
  end if;
  select * into v_receipt from private.request_receipts
  where caller_id = auth.uid() and client_request_id = p_request_id;
  if v_receipt.function <> p_function or v_receipt.object_id is distinct from p_object_id then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt.answer;
end;
$$;

comment on function private.begin_request is 'Begin a repeatable call. Return null if the call is new; the caller then ends with finish_request. Otherwise return the stored answer, or a refusal if the id was used for another function or object.';

create or replace function private.resolve_dispute(
  p_dispute_id uuid, p_decision text, p_note text, p_refund_cents bigint,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('resolve_dispute', p_client_request_id, p_dispute_id);
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

create or replace function private.add_dispute_message(
  p_dispute_id uuid, p_content text, p_is_internal boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('add_dispute_message', p_client_request_id, p_dispute_id);
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
    -- Staff may quote the details that a party wrote elsewhere.
    case when not private.is_staff() then private.payment_text_refusal('content', v_content) end,
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

create or replace function private.open_dispute(
  p_order_id uuid, p_dispute_type text, p_reason text, p_description text,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('open_dispute', p_client_request_id, p_order_id);
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
      private.payment_text_refusal('reason', v_dispute.reason),
      private.payment_text_refusal('description', v_dispute.description),
      -- Count the call last, so that the person may try again after a mistake.
      private.use_rate_limit('open_dispute'),
      private.store_dispute(v_order, v_dispute)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.update_listing(
  p_listing_id uuid, p_changes jsonb, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('update_listing', p_client_request_id, p_listing_id);
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id, private.change_listing(p_listing_id, p_changes)
  ));
end;
$$;

create or replace function private.cancel_listing(p_listing_id uuid, p_client_request_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('cancel_listing', p_client_request_id, p_listing_id);
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id, private.call_off(p_listing_id)
  ));
end;
$$;

create or replace function private.relist_listing(
  p_listing_id uuid, p_start_at text, p_end_at text, p_reserve_cents bigint,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('relist_listing', p_client_request_id, p_listing_id);
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id,
    coalesce(
      private.times_refusal(p_start_at, p_end_at),
      private.offer_again(
        p_listing_id, p_start_at::timestamptz, p_end_at::timestamptz, p_reserve_cents
      )
    )
  ));
end;
$$;

create or replace function private.staff_decide_message(
  p_message_id uuid, p_release boolean, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_decide_message', p_client_request_id, p_message_id
  );
  v_message public.messages;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  -- A release also changes the thread and the messages that this one completes. Other releases and
  -- new messages of the pair change the same rows, so they take turns.
  perform private.lock_messages(
    message.sender_id, private.other_party(thread, message.sender_id)
  )
  from public.messages as message
  join public.message_threads as thread on thread.id = message.thread_id
  where message.id = p_message_id;
  select * into v_message from public.messages where id = p_message_id;
  v_answer := coalesce(
    private.reviewer_refusal(v_message, p_reason),
    private.review_answer(v_message, p_release),
    private.store_review(v_message, p_release, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
