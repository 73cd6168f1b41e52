set lock_timeout = '2s';
set statement_timeout = '30s';

create function private.begin_request(p_function text, p_request_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_receipt private.request_receipts;
begin
  -- The JWT of a deleted account stays valid until it expires.
  if exists (select from public.users where id = auth.uid() and deleted_at is not null) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_request_id is null then
    return null;
  end if;
  -- A twin under way makes this wait for its end: then its answer is here, or its refusal is not.
  insert into private.request_receipts (caller_id, client_request_id, function)
  values (auth.uid(), p_request_id, p_function)
  on conflict (caller_id, client_request_id) do nothing;
  if found then
    return null;
  end if;
  select * into v_receipt from private.request_receipts
  where caller_id = auth.uid() and client_request_id = p_request_id;
  if v_receipt.function <> p_function then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt.answer;
end;
$$;
comment on function private.begin_request is 'Open a call that may be sent again. Null: go on, and end with finish_request. Else return the answer as it is: the call was answered before, or its id belongs to another one.';

create function private.finish_request(p_request_id uuid, p_answer jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if (p_answer ->> 'success')::boolean then
    update private.request_receipts set answer = p_answer
    where caller_id = auth.uid() and client_request_id = p_request_id;
  else
    delete from private.request_receipts
    where caller_id = auth.uid() and client_request_id = p_request_id;
  end if;
  return p_answer;
end;
$$;
comment on function private.finish_request is 'Keep a success for whoever asks again, forget a refusal, and return the answer.';

alter table private.request_receipts enable row level security;
