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
