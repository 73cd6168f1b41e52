-- This migration makes messages work: threads, held messages, and those of deleted accounts.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Messaging: functions.

create function private.seal_originals(
  p_message public.messages, p_original text, p_verdict private.filter_verdict,
  p_earlier_ids uuid[]
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_findings constant jsonb := private.findings_with_ids(
    p_verdict.findings, p_message.id, p_earlier_ids
  );
begin
  -- The content of an ordinary message is its original, so a sealed copy would keep more than staff
  -- or later joins need.
  if p_message.action = 'allow' and v_findings = '[]' then
    return;
  end if;
  insert into private.message_originals as sealed (
    message_id, original, risk_score, findings, rule_version, created_at
  )
  values (
    p_message.id, p_original, least(p_verdict.score, 100), v_findings, p_message.rule_version,
    p_message.created_at
  );
  -- A part of a detail may have been delivered as it was. Its recipient has seen it, so it keeps its
  -- content, and staff find it by these rows.
  insert into private.message_originals as sealed (
    message_id, original, risk_score, findings, rule_version, created_at
  )
  select
    fragment.id,
    fragment.content,
    least(max((finding.value ->> 'score')::integer), 100),
    jsonb_agg(finding.value || jsonb_build_object('completed_by', p_message.id)),
    p_message.rule_version,
    fragment.created_at
  from jsonb_array_elements(v_findings) as finding
  join public.messages as fragment on fragment.id = (finding.value ->> 'message_id')::uuid
  where fragment.id <> p_message.id
  group by fragment.id
  order by fragment.id
  on conflict (message_id) do update
  set
    findings = sealed.findings || excluded.findings,
    risk_score = greatest(sealed.risk_score, excluded.risk_score);
end;
$$;
comment on function private.seal_originals is 'Keep the original of a message that the filter changed or found something in, for staff alone. Keep the findings also with the earlier messages that hold a part of the detail.';

create function private.findings_with_ids(
  p_findings jsonb, p_message_id uuid, p_earlier_ids uuid[]
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select
      coalesce(
        jsonb_agg(
          (finding.value - 'message') || jsonb_build_object(
            'message_id',
            case (finding.value ->> 'message')::integer
              when 0 then p_message_id
              else p_earlier_ids[
                cardinality(p_earlier_ids) + 1 - (finding.value ->> 'message')::integer
              ]
            end
          )
          order by finding.n
        ),
        '[]'
      )
    from jsonb_array_elements(p_findings) with ordinality as finding (value, n)
  );
end;
$$;
comment on function private.findings_with_ids is 'Return the findings of the filter with the id of the message that each is about. The filter counts the messages backwards from the one that it judges.';

create function private.flag_fragments(p_message_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.messages as fragment
  set reason_codes = array(
    select distinct code from unnest(fragment.reason_codes || flag.reason_codes) as code
    order by code
  )
  from (
    -- A reader marks messages as read in the same order, so the two do not block each other.
    select message.id, found.reason_codes
    from public.messages as message
    join (
      select
        (finding ->> 'message_id')::uuid as message_id,
        array_agg(finding ->> 'reason_code') as reason_codes
      from private.message_originals as sealed, jsonb_array_elements(sealed.findings) as finding
      where sealed.message_id = p_message_id
      group by (finding ->> 'message_id')::uuid
    ) as found on found.message_id = message.id
    where message.id <> p_message_id and not message.reason_codes @> found.reason_codes
    order by message.created_at
    for no key update of message
  ) as flag
  where fragment.id = flag.id;
end;
$$;
comment on function private.flag_fragments is 'Add the reason codes of a message to the earlier messages that hold a part of the same detail. This happens with the delivery, because the change of a message reaches its recipient.';

create function private.purge_originals(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  with expired as (
    select message_id
    from private.message_originals
    where created_at < p_before and not private.is_under_review(message_id)
    order by created_at
    limit p_max_rows
    for update skip locked
  )
  delete from private.message_originals as sealed using expired
  where sealed.message_id = expired.message_id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.purge_originals is 'Delete the originals of messages that were sent before a time, unless staff still need them. Return their number.';

create function private.is_under_review(p_message_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.messages where id = p_message_id and delivery = 'held'
  ) or exists (
    select from public.content_reports where message_id = p_message_id and status = 'open'
  );
end;
$$;
comment on function private.is_under_review is 'Return true while staff must still decide about a held message, or about a report of it. Its original stays as long.';

create function private.mark_thread_read(p_thread_id uuid)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_count integer;
begin
  perform private.require_account();
  update public.messages
  set read_at = v_now
  where thread_id = p_thread_id
    and recipient_id = auth.uid()
    and delivery = 'delivered'
    and read_at is null;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.mark_thread_read is 'Mark the messages that the caller received in a thread as read; see the public wrapper.';
grant execute on function private.mark_thread_read to authenticated;

create function private.stamp_read_at()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
begin
  -- The recipient's client sends a time of its own, which may be any time.
  new.read_at := coalesce(old.read_at, v_now);
  return new;
end;
$$;
comment on function private.stamp_read_at is 'Trigger: write the database''s time as read_at, once. A later change keeps the first time.';

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

create function private.start_thread(
  p_listing_id uuid, p_content text, p_client_message_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_message('start_thread', p_client_message_id);
  v_content constant text := private.plain_text(p_content, 1000);
  v_thread public.message_threads;
begin
  if v_answer is not null then
    return private.repeated_answer(
      v_answer,
      exists (
        select from public.message_threads
        where id = (v_answer ->> 'thread_id')::uuid and listing_id = p_listing_id
      )
    );
  end if;
  v_thread := private.thread_about(p_listing_id);
  v_answer := coalesce(
    private.asker_refusal(v_thread),
    private.sender_refusal(v_thread),
    private.content_refusal(v_content),
    -- Count the call last, so that the person may try again after a mistake.
    private.use_rate_limit('start_thread'),
    private.store_message(v_thread, v_content, p_client_message_id)
  );
  return private.finish_request(p_client_message_id, v_answer);
end;
$$;
comment on function private.start_thread is 'Write to the seller of a listing; see the public wrapper.';
grant execute on function private.start_thread to authenticated;

create function private.thread_about(p_listing_id uuid)
returns public.message_threads
language plpgsql
stable
set search_path = ''
as $$
declare
  v_thread public.message_threads;
begin
  select * into v_thread from public.message_threads
  where listing_id = p_listing_id and buyer_id = auth.uid();
  if found then
    return v_thread;
  end if;
  -- A cancelled listing is hidden, except from the buyer who has an order for it.
  select listing.id, listing.seller_id, listing.title, sale.id
  into v_thread.listing_id, v_thread.seller_id, v_thread.subject, v_thread.order_id
  from public.listings as listing
  left join public.orders as sale
    on sale.listing_id = listing.id and sale.buyer_id = auth.uid()
  where listing.id = p_listing_id and (listing.status <> 'cancelled' or sale.id is not null);
  v_thread.buyer_id := auth.uid();
  return v_thread;
end;
$$;
comment on function private.thread_about is 'Return the thread of the caller about a listing. Without one, return a thread without an id, which is not stored. Its listing is null if the caller may not see the listing.';

create function private.asker_refusal(p_thread public.message_threads)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_thread.listing_id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif p_thread.seller_id = p_thread.buyer_id then
    return private.refusal('OWN_LISTING', 'You cannot write to yourself about your own listing');
  end if;
  return null;
end;
$$;
comment on function private.asker_refusal is 'Return the reason why the caller may not write to the seller of a listing, or null.';

create function private.store_thread(
  p_thread public.message_threads, p_is_delivered boolean, p_now timestamptz
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_thread_id uuid := p_thread.id;
begin
  if v_thread_id is null then
    -- The seller must not see a thread whose only message is held. An order belongs to both.
    insert into public.message_threads (
      listing_id, order_id, buyer_id, seller_id, subject, last_message_at, is_visible_to_seller
    )
    values (
      p_thread.listing_id, p_thread.order_id, p_thread.buyer_id, p_thread.seller_id,
      p_thread.subject, p_now, p_is_delivered or p_thread.order_id is not null
    )
    on conflict (listing_id, buyer_id) do nothing
    returning id into v_thread_id;
  end if;
  if v_thread_id is null then
    -- The close of the auction, or another call of the buyer, has opened the thread meanwhile.
    select id into v_thread_id from public.message_threads
    where listing_id = p_thread.listing_id and buyer_id = p_thread.buyer_id;
  end if;
  return v_thread_id;
end;
$$;
comment on function private.store_thread is 'Return the id of a thread. Store the thread first if it is new.';

create function private.open_order_thread(p_order public.orders, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.message_threads as thread (
    listing_id, order_id, buyer_id, seller_id, subject, last_message_at
  )
  select listings.id, p_order.id, p_order.buyer_id, p_order.seller_id, listings.title, p_now
  from public.listings
  where listings.id = p_order.listing_id
  on conflict (listing_id, buyer_id) do update
  set
    order_id = excluded.order_id,
    -- To the seller a hidden thread is new, and a held message gives no thread its place.
    last_message_at = case
      when thread.is_visible_to_seller then thread.last_message_at else excluded.last_message_at
    end,
    is_visible_to_seller = true;
end;
$$;
comment on function private.open_order_thread is 'Attach the order to the thread in which its buyer asked about the listing, or open a new thread.';

-- Messaging: RPCs.

create function public.start_thread(listing_id uuid, content text, client_message_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.start_thread(
    start_thread.listing_id, start_thread.content, start_thread.client_message_id
  );
end;
$$;
comment on function public.start_thread is 'Write to the seller of a listing, also as the buyer of its order: {success, thread_id, message_id, action, reason_codes, rule_version, content, delivery, idempotent}. Uses the caller''s thread about the listing if there is one. content is the text that the recipient may read. A held message reaches nobody until staff release it. The same client_message_id returns the first answer, with idempotent true. Refusals: LISTING_NOT_FOUND, OWN_LISTING, VALIDATION_ERROR, USER_SUSPENDED, RECIPIENT_NOT_FOUND (the seller has left), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';
grant execute on function public.start_thread to authenticated;

create function public.send_message(thread_id uuid, content text, client_message_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.send_message(
    send_message.thread_id, send_message.content, send_message.client_message_id
  );
end;
$$;
comment on function public.send_message is 'Write to the other party of a thread: the same answer as start_thread. Refusals: RESOURCE_NOT_FOUND (also for a thread of other users), VALIDATION_ERROR, USER_SUSPENDED, RECIPIENT_NOT_FOUND (the other party has left), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';
grant execute on function public.send_message to authenticated;

create function public.mark_thread_read(thread_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_thread_read(mark_thread_read.thread_id);
end;
$$;
comment on function public.mark_thread_read is 'Mark the messages that the caller received in a thread as read. Answers how many were unread; 0 for a thread of other users. Raises PROFILE_NOT_FOUND.';
grant execute on function public.mark_thread_read to authenticated;

create function public.staff_read_message(message_id uuid, reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_read_message(staff_read_message.message_id, staff_read_message.reason);
end;
$$;
comment on function public.staff_read_message is 'Read the original of a message as staff, with what the filter found in it: {success, message_id, thread_id, sender_id, original, content, action, delivery, reason_codes, risk_score, findings, rule_version}. original is null once it was purged. Each call is audited with its reason. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (a party of the conversation), VALIDATION_ERROR. Raises FORBIDDEN for others than staff, and FILTER_REFUSED.';
grant execute on function public.staff_read_message to authenticated;

create function public.staff_decide_message(
  message_id uuid, release boolean, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_decide_message(
    staff_decide_message.message_id,
    staff_decide_message.release,
    staff_decide_message.reason,
    staff_decide_message.client_request_id
  );
end;
$$;
comment on function public.staff_decide_message is 'Decide about a held message as staff: {success, delivery}. release true delivers the original text and notifies the recipient; false rejects it for good. The same decision again succeeds and changes nothing. Audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (a party of the conversation), VALIDATION_ERROR, CONFLICT (not held, or decided otherwise), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_decide_message to authenticated;

-- Messaging: grants and row level security.

alter table public.message_threads enable row level security;
grant select (
  id, listing_id, order_id, buyer_id, seller_id, subject, last_message_at, created_at,
  updated_at, is_visible_to_seller
) on public.message_threads to authenticated;
-- Realtime publishes the table, and sends a change only to roles that may select the key.
grant select (id) on public.message_threads to service_role;

create policy parties_read_their_threads on public.message_threads
for select to authenticated
using (
  buyer_id = (select auth.uid())
  or (seller_id = (select auth.uid()) and is_visible_to_seller)
  -- For staff all ids are in the range, for others none. With a boolean the planner could search no
  -- index for a request without a filter.
  or (
    id between (
      select case when private.is_staff() then '00000000-0000-0000-0000-000000000000'::uuid end
    ) and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    and seller_id <> (select auth.uid())
  )
);
comment on policy parties_read_their_threads on public.message_threads is 'Only buyer, seller and staff may know that the two talk. The seller, also one on the staff, does not see a thread in which every message is held.';

alter table public.messages enable row level security;
grant select (
  id, thread_id, sender_id, client_message_id, content, message_type, attachment_url,
  attachment_name, attachment_size, action, reason_codes, rule_version, delivery, read_at,
  created_at, updated_at, recipient_id
) on public.messages to authenticated;
grant update (read_at) on public.messages to authenticated;
grant select (id) on public.messages to service_role;

create policy parties_read_delivered_messages on public.messages
for select to authenticated
using (
  sender_id = (select auth.uid())
  or (recipient_id = (select auth.uid()) and delivery = 'delivered')
  or (
    id between (
      select case when private.is_staff() then '00000000-0000-0000-0000-000000000000'::uuid end
    ) and 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    and (select auth.uid()) not in (sender_id, recipient_id)
  )
);
comment on policy parties_read_delivered_messages on public.messages is 'The recipient reads delivered messages. Senders also read their own held and rejected messages. Staff read all, except those that were held from themselves.';

create policy recipients_mark_messages_read on public.messages
for update to authenticated
using (
  recipient_id = (select auth.uid())
  and delivery = 'delivered'
  and read_at is null
  -- The token of a deleted account stays valid until it expires.
  and (
    select deleted_at is null from public.users
    where id = (select auth.uid())
  )
)
with check (read_at is not null);
comment on policy recipients_mark_messages_read on public.messages is 'The recipient sets read_at once. Clients may update no other column.';

alter table private.message_originals enable row level security;

-- Messaging: triggers.

create trigger message_threads_stamp_updated_at
before update on public.message_threads
for each row execute function private.stamp_updated_at();

create trigger messages_set_recipient
before insert on public.messages
for each row execute function private.set_recipient();

create trigger messages_stamp_read_at
before update on public.messages
for each row when (old.read_at is distinct from new.read_at)
execute function private.stamp_read_at();

create trigger messages_stamp_updated_at
before update on public.messages
for each row execute function private.stamp_updated_at();
