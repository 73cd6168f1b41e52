create function private.send_message(
  p_thread_id uuid, p_content text, p_client_message_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_message('send_message', p_client_message_id);
  v_content constant text := private.plain_text(p_content, 1000);
  v_thread public.message_threads;
begin
  if v_answer is not null then
    return private.repeated_answer(v_answer, (v_answer ->> 'thread_id')::uuid = p_thread_id);
  end if;
  select * into v_thread from public.message_threads
  where
    id = p_thread_id
    and (buyer_id = auth.uid() or (seller_id = auth.uid() and is_visible_to_seller));
  v_answer := coalesce(
    private.sender_refusal(v_thread),
    private.content_refusal(v_content),
    -- Count the call last, so that the person may try again after a mistake.
    private.use_rate_limit('send_message'),
    private.store_message(v_thread, v_content, p_client_message_id)
  );
  return private.finish_request(p_client_message_id, v_answer);
end;
$$;
comment on function private.send_message is 'Write to the other party of a thread; see the public wrapper.';
grant execute on function private.send_message to authenticated;

create function private.begin_message(p_function text, p_client_message_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_answer constant jsonb := private.begin_request(p_function, p_client_message_id, null);
  v_message public.messages;
begin
  if v_answer is not null then
    return v_answer;
  elsif p_client_message_id is null then
    return private.refusal('VALIDATION_ERROR', 'A message needs a client_message_id');
  end if;
  -- The message outlives its receipt.
  select * into v_message from public.messages
  where sender_id = auth.uid() and client_message_id = p_client_message_id;
  if v_message.id is not null then
    return private.finish_request(p_client_message_id, private.message_receipt(v_message));
  end if;
  return null;
end;
$$;
comment on function private.begin_message is 'Begin a call that sends a message, as begin_request does. The id is required, and a message with this id answers even if its receipt was purged.';

create function private.repeated_answer(p_answer jsonb, p_is_same boolean)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if not (p_answer ->> 'success')::boolean then
    return p_answer;
  elsif not coalesce(p_is_same, false) then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return p_answer || '{"idempotent": true}';
end;
$$;
comment on function private.repeated_answer is 'Return the first answer to a call that sent a message, marked as a repeat. Refuse the call if p_is_same is not true, because the id then belongs to another call. A refusal stays as it is.';

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

create function private.set_recipient()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  select private.other_party(thread, new.sender_id) into new.recipient_id
  from public.message_threads as thread
  where thread.id = new.thread_id;
  return new;
end;
$$;
comment on function private.set_recipient is 'Trigger: write the other party of the thread as recipient_id.';

create function private.sender_refusal(p_thread public.message_threads)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_thread.listing_id is null then
    -- The answer is the same for a thread of other users: nobody else knows that they talk.
    return private.refusal('RESOURCE_NOT_FOUND', 'Conversation not found');
  end if;
  return coalesce(
    private.account_refusal(auth.uid()),
    case
      when private.is_deleted_account(private.other_party(p_thread, auth.uid()))
        then private.refusal('RECIPIENT_NOT_FOUND', 'This user has left the marketplace')
    end
  );
end;
$$;
comment on function private.sender_refusal is 'Return the reason why the caller may not write in a thread, or null. The thread is null if the caller is not a party of it.';

create function private.content_refusal(p_content text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if coalesce(private.visible_length(p_content), 0) < 1 or char_length(p_content) > 1000 then
    return private.refusal('VALIDATION_ERROR', 'A message has 1 to 1000 visible characters');
  end if;
  return null;
end;
$$;
comment on function private.content_refusal is 'Return the refusal of a cleaned text that is empty, invisible or too long, or null.';

create function private.store_message(
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
comment on function private.store_message is 'Judge a message by the filter and store it. Deliver it unless the filter holds it. Return the receipt. Messages of one sender to one recipient wait for each other.';

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

create function private.read_earlier_messages(
  p_sender_id uuid, p_recipient_id uuid, p_now timestamptz
)
returns private.earlier_messages
language plpgsql
stable
set search_path = ''
as $$
declare
  v_since constant timestamptz := p_now
    - make_interval(mins => private.setting('filter_join_minutes')::integer);
  v_limit constant integer := private.setting('filter_join_messages')::integer;
  v_earlier private.earlier_messages;
begin
  select
    coalesce(array_agg(earlier.id order by earlier.created_at), '{}'),
    coalesce(array_agg(earlier.original order by earlier.created_at), '{}')
  into v_earlier.message_ids, v_earlier.originals
  from (
    select
      message.id,
      message.created_at,
      -- A message that the filter left as it is has no sealed original.
      coalesce(sealed.original, message.content) as original
    from public.messages as message
    join public.message_threads as thread on thread.id = message.thread_id
    left join private.message_originals as sealed on sealed.message_id = message.id
    where
      message.sender_id = p_sender_id
      and message.created_at > v_since
      -- Nobody sees a rejected message, so it completes nothing. Staff may still release a held one.
      and message.delivery <> 'rejected'
      and p_recipient_id in (thread.buyer_id, thread.seller_id)
    order by message.created_at desc
    limit v_limit
  ) as earlier;
  return v_earlier;
end;
$$;
comment on function private.read_earlier_messages is 'Return the recent messages of one user to another, over all of their threads, with their original texts.';

create function private.filter_stage(p_thread public.message_threads)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_state public.order_state;
begin
  select state into v_state from public.orders
  where listing_id = p_thread.listing_id and buyer_id = p_thread.buyer_id
  order by created_at desc
  limit 1;
  return case
    when v_state in (
      'paid', 'ready_for_handover', 'shipped', 'delivered', 'released', 'disputed'
    ) then 'order'
    else 'strict'
  end;
end;
$$;
comment on function private.filter_stage is 'Return the stage by which the filter judges a message. Once the buyer has paid, both parties may exchange contact details, until the money is returned.';

create function private.deliver_message(p_message public.messages, p_now timestamptz)
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
comment on function private.deliver_message is 'Move the thread of a delivered message to the top, and notify the recipient.';

create function private.message_receipt(p_message public.messages)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'success', true,
    'thread_id', p_message.thread_id,
    'message_id', p_message.id,
    'action', p_message.action,
    'reason_codes', p_message.reason_codes,
    'rule_version', p_message.rule_version,
    'content', p_message.content,
    'delivery', p_message.delivery,
    'idempotent', false
  );
end;
$$;
comment on function private.message_receipt is 'Return the answer to the sender of a message. Its content is the text that the recipient may read.';
