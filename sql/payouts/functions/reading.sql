create function private.list_payouts(p_user_id uuid, p_max_rows integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_enabled boolean;
begin
  select payouts_enabled into v_enabled from public.users where id = p_user_id;
  return (
    select jsonb_build_object(
      'success', true,
      'payouts_enabled', coalesce(v_enabled, false),
      'pending_cents', coalesce(sum(amount_cents) filter (where status = 'queued'), 0),
      'paid_cents', coalesce(
        sum(amount_cents - reversed_cents) filter (where status in ('paid', 'reversed')), 0
      ),
      'payouts', private.newest_payouts(p_user_id, p_max_rows)
    )
    from public.payouts where seller_id = p_user_id
  );
end;
$$;
comment on function private.list_payouts is 'Return the payouts of a seller with their sums; see the public wrapper.';
grant execute on function private.list_payouts to service_role;

create function private.newest_payouts(p_user_id uuid, p_max_rows integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(payout) order by created_at desc, id), '[]')
    from (
      select id, order_id, amount_cents, reversed_cents, status, created_at, updated_at
      from public.payouts
      where seller_id = p_user_id
      order by created_at desc, id
      limit least(greatest(p_max_rows, 0), 100)
    ) as payout
  );
end;
$$;
comment on function private.newest_payouts is 'Return the newest payouts of a seller, without the ids that Stripe gave them.';
