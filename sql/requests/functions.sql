create function private.begin_request(
  p_function text, p_request_id uuid, p_arguments jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_hash uuid;
  v_receipt private.request_receipts;
begin
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_request_id is null or auth.uid() is null then
    -- Without a user, the caller is one of our own processes. Their calls have keys of their own.
    return null;
  end if;
  v_hash := md5(p_arguments::text)::uuid;
  -- The insert waits until a concurrent call with the same id ends. A success has then left its
  -- answer, and a refusal has left no row.
  insert into private.request_receipts (caller_id, client_request_id, function, arguments_hash)
  values (auth.uid(), p_request_id, p_function, v_hash)
  on conflict (caller_id, client_request_id) do nothing;
  if found then
    return null;
  end if;
  select * into v_receipt from private.request_receipts
  where caller_id = auth.uid() and client_request_id = p_request_id;
  if v_receipt.function <> p_function or v_receipt.arguments_hash <> v_hash then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt.answer;
end;
$$;
comment on function private.begin_request is 'Begin a repeatable call. Return null if the call is new; the caller then ends with finish_request. Otherwise return the stored answer, or a refusal if the id was used for another function or with other arguments. p_arguments is null where the caller compares them itself.';

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
comment on function private.finish_request is 'Store a successful answer for later repeats, or drop the receipt of a refusal. Return the answer.';

create function private.purge_receipts(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  with expired as (
    select caller_id, client_request_id from private.request_receipts
    where created_at < p_before
    limit p_max_rows
    for update skip locked
  )
  delete from private.request_receipts as receipt using expired
  where
    receipt.caller_id = expired.caller_id
    and receipt.client_request_id = expired.client_request_id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.purge_receipts is 'Delete the receipts of calls that were made before a time. Return their number.';
