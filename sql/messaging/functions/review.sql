create function private.staff_read_message(p_message_id uuid, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_message public.messages;
  v_sealed private.message_originals;
  v_answer jsonb;
begin
  perform private.refuse_unless_staff();
  -- A cast in the request could show the original in its error, and undo the audit.
  perform private.refuse_filtered_call();
  select * into v_message from public.messages where id = p_message_id;
  v_answer := private.reviewer_refusal(v_message, p_reason);
  if v_answer is not null then
    return v_answer;
  end if;
  select * into v_sealed from private.message_originals where message_id = p_message_id;
  perform private.audit_review(v_message, 'message_read', v_reason);
  return jsonb_build_object(
    'success', true,
    'message_id', v_message.id,
    'thread_id', v_message.thread_id,
    'sender_id', v_message.sender_id,
    'original', coalesce(
      v_sealed.original,
      -- The original of a masked or rejected message was purged. Other content is the original.
      case when private.is_content_original(v_message) then v_message.content end
    ),
    'content', v_message.content,
    'action', v_message.action,
    'delivery', v_message.delivery,
    'reason_codes', v_message.reason_codes,
    'risk_score', v_sealed.risk_score,
    'findings', coalesce(v_sealed.findings, '[]'),
    'rule_version', v_message.rule_version
  );
end;
$$;
comment on function private.staff_read_message is 'Return the original of a message to staff, and audit the look; see the public wrapper.';
grant execute on function private.staff_read_message to authenticated;

create function private.is_content_original(p_message public.messages)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_message.action in ('allow', 'warn')
    or (p_message.action = 'hold' and p_message.delivery = 'delivered');
end;
$$;
comment on function private.is_content_original is 'Return true if the content of a message is the text that its sender wrote.';

create function private.staff_decide_message(
  p_message_id uuid, p_release boolean, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_decide_message', p_client_request_id,
    jsonb_build_array(p_message_id, p_release, p_reason)
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
comment on function private.staff_decide_message is 'Release or reject a held message as staff; see the public wrapper.';
grant execute on function private.staff_decide_message to authenticated;

create function private.reviewer_refusal(p_message public.messages, p_reason text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_message.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Message not found');
  elsif exists (
    select from public.message_threads
    where id = p_message.thread_id and auth.uid() in (buyer_id, seller_id)
  ) then
    return private.refusal('FORBIDDEN', 'You are a party of this conversation');
  end if;
  return private.reason_refusal(p_reason);
end;
$$;
comment on function private.reviewer_refusal is 'Return the reason why this member of staff cannot review a message, or null.';

create function private.review_answer(p_message public.messages, p_release boolean)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_release is null then
    return private.refusal('VALIDATION_ERROR', 'A decision is true to release or false to reject');
  elsif p_message.delivery = 'held' then
    return null;
  elsif p_message.action <> 'hold' then
    return private.refusal('CONFLICT', 'This message was not held');
  elsif p_release <> (p_message.delivery = 'delivered') then
    return private.refusal('CONFLICT', 'This message is decided already');
  end if;
  return jsonb_build_object('success', true, 'delivery', p_message.delivery);
end;
$$;
comment on function private.review_answer is 'Return null if staff may decide about a message now. Otherwise return the refusal, or the answer of the same decision before.';

create function private.store_review(
  p_message public.messages, p_release boolean, p_reason text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_message public.messages;
  v_now timestamptz;
begin
  v_now := private.clock();
  update public.messages
  set
    delivery = case when p_release then 'delivered' else 'rejected' end::public.message_delivery,
    content = case
      when p_release
        then (select original from private.message_originals where message_id = p_message.id)
      else content
    end
  where id = p_message.id
  returning * into v_message;
  if p_release then
    perform private.deliver_message(v_message, v_now);
  end if;
  perform private.audit_review(
    v_message, case when p_release then 'message_released' else 'message_rejected' end, p_reason
  );
  return jsonb_build_object('success', true, 'delivery', v_message.delivery);
end;
$$;
comment on function private.store_review is 'Record the decision of staff about a held message. A released message gets its original text and is delivered. The caller holds the lock of the pair.';

create function private.audit_review(p_message public.messages, p_action text, p_reason text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- All staff read the audit log, so it does not quote the message. It names both parties, which
  -- hides the entry from a party on the staff.
  perform private.write_audit(
    auth.uid(), p_action, 'messages', p_message.id::text, p_reason,
    jsonb_build_object(
      'thread_id', p_message.thread_id,
      'sender_id', p_message.sender_id,
      'recipient_id', private.other_party(thread, p_message.sender_id)
    )
  )
  from public.message_threads as thread
  where thread.id = p_message.thread_id;
end;
$$;
comment on function private.audit_review is 'Record that staff read a message or decided about it.';
