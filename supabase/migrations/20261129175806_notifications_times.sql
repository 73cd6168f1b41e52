set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.notify(
  p_user_id uuid, p_type text, p_title text, p_message text, p_metadata jsonb default '{}',
  p_dedupe_key text default null
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  -- A transaction that waited for a lock began before the one that it follows.
  v_now constant timestamptz := private.clock();
begin
  insert into public.notifications (
    user_id, type, title, message, metadata, dedupe_key, created_at
  )
  values (
    p_user_id,
    p_type,
    p_title,
    p_message,
    p_metadata || jsonb_strip_nulls(
      jsonb_build_object(
        'order_id', coalesce(p_metadata -> 'order_id', p_metadata -> 'orderId'),
        'orderId', coalesce(p_metadata -> 'orderId', p_metadata -> 'order_id')
      )
    ),
    p_dedupe_key,
    v_now
  )
  on conflict (dedupe_key) do nothing;
end;
$$;
