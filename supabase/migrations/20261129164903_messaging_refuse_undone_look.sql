set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.staff_read_message(p_message_id uuid, p_reason text)
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

comment on function public.staff_read_message is 'Read the original of a message as staff, with what the filter found in it: {success, message_id, thread_id, sender_id, original, content, action, delivery, reason_codes, risk_score, findings, rule_version}. original is null once it was purged. Each call is audited with its reason. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (a party of the conversation), VALIDATION_ERROR. Raises FORBIDDEN for others than staff, and FILTER_REFUSED.';
