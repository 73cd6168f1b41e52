set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.recipient_of;

create or replace function private.staff_decide_message(
  p_message_id uuid, p_release boolean, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('staff_decide_message', p_client_request_id);
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

comment on function private.store_review is 'Record the decision of staff about a held message. A released message gets its original text and is delivered. The caller holds the lock of the pair.';

create function private.other_party(p_thread public.message_threads, p_user_id uuid)
returns uuid
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_user_id when p_thread.buyer_id then p_thread.seller_id else p_thread.buyer_id end;
end;
$$;

comment on function private.other_party is 'Return the party of a thread that a user, who is one of the two, talks to.';

create or replace function private.sender_refusal(p_thread public.message_threads)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_thread.listing_id is null then
    -- The answer is the same for a thread of other users: nobody else knows that they talk.
    return private.refusal('RESOURCE_NOT_FOUND', 'Conversation not found');
  elsif not exists (select from public.users where id = auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif private.is_suspended(auth.uid()) then
    return private.refusal('USER_SUSPENDED', 'Your account is suspended');
  elsif private.is_deleted_account(private.other_party(p_thread, auth.uid())) then
    return private.refusal('RECIPIENT_NOT_FOUND', 'This user has left the marketplace');
  end if;
  return null;
end;
$$;

create or replace function private.store_message(
  p_thread public.message_threads, p_content text, p_client_message_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_recipient_id constant uuid := private.other_party(p_thread, auth.uid());
  v_earlier private.earlier_messages;
  v_verdict private.filter_verdict;
  v_thread_id uuid;
  v_message public.messages;
  v_now timestamptz;
begin
  perform private.lock_messages(auth.uid(), v_recipient_id);
  v_now := private.clock();
  v_earlier := private.read_earlier_messages(auth.uid(), v_recipient_id, v_now);
  v_verdict := private.filter_message(
    p_content, v_earlier.originals, private.filter_stage(p_thread)
  );
  v_thread_id := private.store_thread(p_thread, v_verdict.action <> 'hold', v_now);
  insert into public.messages (
    thread_id, sender_id, client_message_id, content, action, reason_codes, rule_version,
    delivery, created_at, updated_at
  )
  values (
    v_thread_id,
    auth.uid(),
    p_client_message_id,
    case when v_verdict.action in ('mask', 'hold') then v_verdict.masked else p_content end,
    v_verdict.action,
    v_verdict.reason_codes,
    v_verdict.rule_version,
    case v_verdict.action when 'hold' then 'held' else 'delivered' end::public.message_delivery,
    v_now,
    v_now
  )
  returning * into v_message;
  perform private.seal_originals(v_message, p_content, v_verdict, v_earlier.message_ids);
  if v_message.delivery = 'delivered' then
    perform private.deliver_message(v_message, v_now);
  end if;
  return private.message_receipt(v_message);
end;
$$;

create function private.lock_messages(p_sender_id uuid, p_recipient_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- A detail may come in parts that are sent at the same time, also in different threads. The lock
  -- is on the pair, so each message is judged together with all before it.
  perform pg_advisory_xact_lock(hashtext(p_sender_id::text), hashtext(p_recipient_id::text));
end;
$$;

comment on function private.lock_messages is 'Wait until no other transaction sends or reviews a message of this sender to this recipient.';

create or replace function private.deliver_message(p_message public.messages, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_thread public.message_threads;
begin
  -- A new thread is up to date already, and a second change would reach its readers for nothing.
  update public.message_threads
  set last_message_at = greatest(last_message_at, p_now), is_visible_to_seller = true
  where id = p_message.thread_id and (last_message_at < p_now or not is_visible_to_seller);
  select * into v_thread from public.message_threads where id = p_message.thread_id;
  perform private.flag_fragments(p_message.id);
  perform private.notify(
    private.other_party(v_thread, p_message.sender_id),
    'new_message',
    'New message',
    -- The text of the message is left out. So nothing must be masked here.
    format(
      '%s wrote to you about %s.',
      (select display_name from public.users where id = p_message.sender_id),
      v_thread.subject
    ),
    jsonb_strip_nulls(
      jsonb_build_object(
        'thread_id', v_thread.id,
        'message_id', p_message.id,
        'listing_id', v_thread.listing_id,
        'order_id', v_thread.order_id
      )
    ),
    'new_message:' || p_message.id
  );
end;
$$;
