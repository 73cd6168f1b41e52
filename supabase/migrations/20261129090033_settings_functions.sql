set lock_timeout = '2s';
set statement_timeout = '30s';

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

alter table private.app_settings enable row level security;

create trigger app_settings_stamp_updated_at
before update on private.app_settings
for each row execute function private.stamp_updated_at();
