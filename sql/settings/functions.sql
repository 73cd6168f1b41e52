create function private.setting(p_key text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_value jsonb;
begin
  select value into v_value from private.app_settings where key = p_key;
  if v_value is null then
    raise exception 'unknown setting: %', p_key;
  end if;
  return v_value;
end;
$$;
comment on function private.setting is 'Return the current value of a setting. Raises an error for an unknown key.';
