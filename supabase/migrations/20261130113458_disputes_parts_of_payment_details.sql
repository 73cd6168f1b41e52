set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.recent_dispute_texts(p_dispute_id uuid, p_sender_id uuid)
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

create or replace function private.store_evidence(
  p_user_id uuid, p_dispute_id uuid, p_path text, p_url text, p_title text, p_file jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_id uuid;
  v_refusal jsonb;
begin
  if
    (
      select count(*) from public.dispute_evidence
      where dispute_id = p_dispute_id and user_id = p_user_id
    )
    >= private.setting('evidence_max')::integer
  then
    return private.refusal('VALIDATION_ERROR', 'The dispute has no room for another file of yours');
  end if;
  v_refusal := private.payment_text_refusal(
    'file', p_title, private.recent_dispute_texts(p_dispute_id, p_user_id)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.dispute_evidence (dispute_id, user_id, evidence_type, title, file_url, path)
  values (
    p_dispute_id, p_user_id,
    case p_file ->> 'media_type' when 'application/pdf' then 'document' else 'photo' end
    ::public.evidence_type,
    p_title, p_url, p_path
  )
  returning id into v_id;
  return jsonb_build_object('success', true, 'id', v_id);
end;
$$;
comment on function private.store_evidence is 'Add a file to a dispute that the caller has locked, or return the refusal.';
