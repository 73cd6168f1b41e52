set lock_timeout = '2s';
set statement_timeout = '30s';

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
  -- The release of a message also changes its thread and the messages that it completes. The lock of
  -- the thread serves all of them, so two decisions never wait for each other.
  perform from public.message_threads
  where id = (select thread_id from public.messages where id = p_message_id)
  for no key update;
  select * into v_message from public.messages where id = p_message_id;
  v_answer := coalesce(
    private.reviewer_refusal(v_message, p_reason),
    private.review_answer(v_message, p_release),
    private.store_review(v_message, p_release, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function private.store_review is 'Record the decision of staff about a held message. A released message gets its original text and is delivered. The caller holds the lock of the thread.';
