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
