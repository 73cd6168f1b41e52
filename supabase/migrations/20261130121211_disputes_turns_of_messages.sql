set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.add_dispute_message(
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
