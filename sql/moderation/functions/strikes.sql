create function private.live_strike_points(p_user_id uuid, p_now timestamptz)
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(sum(points), 0)::integer from public.user_strikes
    where user_id = p_user_id and expires_at > p_now
  );
end;
$$;
comment on function private.live_strike_points is 'Return a user''s unexpired strike points. With strike_block_threshold points, the user may not bid.';

create function private.is_suspended(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.users
    where id = p_user_id and (suspended_at is not null or deleted_at is not null)
  );
end;
$$;
comment on function private.is_suspended is 'Return true if a user is suspended or deleted, and so may neither win nor sell.';

create function private.strike(
  p_user_id uuid, p_order_id uuid, p_reason text, p_now timestamptz
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.user_strikes (user_id, order_id, reason, expires_at)
  values (
    p_user_id,
    p_order_id,
    p_reason,
    p_now + private.setting_days('strike_ttl_days')
  )
  on conflict (order_id, reason) do nothing;
end;
$$;
comment on function private.strike is 'Record a strike against a user, once per order and reason.';
