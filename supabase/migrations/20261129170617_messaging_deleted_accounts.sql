set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.begin_message(p_function text, p_client_message_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return coalesce(
    private.begin_request(p_function, p_client_message_id),
    case
      when p_client_message_id is null
        then private.refusal('VALIDATION_ERROR', 'A message needs a client_message_id')
    end
  );
end;
$$;
