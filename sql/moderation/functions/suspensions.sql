create function private.staff_suspend_user(
  p_user_id uuid, p_reason text, p_lift boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lift constant boolean := coalesce(p_lift, false);
  v_reason constant text := private.plain_reason(p_reason);
  v_answer jsonb := private.begin_request(
    'staff_suspend_user', p_client_request_id, jsonb_build_array(p_user_id, p_reason, v_lift)
  );
  v_user public.users;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := private.reason_refusal(p_reason);
  if v_answer is null then
    v_user := private.lock_person(p_user_id);
    -- Another admin may have taken the caller's rights during the wait for the locks.
    perform private.refuse_unless_staff();
    v_answer := coalesce(
      private.suspension_refusal(v_user, v_lift),
      case
        when v_lift then private.lift_suspension(v_user, v_reason)
        else private.suspend_user(v_user, v_reason)
      end
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.staff_suspend_user is 'Suspend a user as staff, or lift the suspension; see the public wrapper.';
grant execute on function private.staff_suspend_user to authenticated;

create function private.lock_person(p_user_id uuid)
returns public.users
language plpgsql
set search_path = ''
as $$
declare
  v_auction_ids uuid[];
  v_user public.users;
begin
  -- A bid locks its auction first and its bidder second, so this does too. A bid or a listing that
  -- was under way may have added an auction before the lock of the user was granted. Then release
  -- all locks and begin again. A rate limit bounds how often a user can cause that.
  loop
    v_auction_ids := private.running_auctions_of(p_user_id);
    begin
      perform from public.auctions where id = any(v_auction_ids) order by id for no key update;
      perform private.lock_admins();
      select * into v_user from public.users where id = p_user_id for update;
      if private.running_auctions_of(p_user_id) <@ v_auction_ids then
        return v_user;
      end if;
      raise sqlstate 'AM001';
    exception when sqlstate 'AM001' then
      null;
    end;
  end loop;
end;
$$;
comment on function private.lock_person is 'Lock the running auctions in which a user sells or has bids, then all admins, then the user. Return the user, or null for an unknown one. Bids and listings of this user that follow wait, and then see the change.';

create function private.running_auctions_of(p_user_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return array(
    select a.id from public.listings as l
    join public.auctions as a on a.listing_id = l.id
    where l.seller_id = p_user_id and a.status in ('scheduled', 'live')
    union
    select a.id from private.proxy_bids as p
    join public.auctions as a on a.id = p.auction_id
    where p.bidder_id = p_user_id and a.status = 'live'
  );
end;
$$;
comment on function private.running_auctions_of is 'Return the scheduled and live auctions of a seller, and the live ones in which the user has bids.';

create function private.lock_admins()
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform from public.users where role = 'admin' order by id for no key update;
end;
$$;
comment on function private.lock_admins is 'Lock all admins. Changes of admins thereby take turns, so two of them cannot remove the last two admins.';

create function private.suspension_refusal(p_user public.users, p_lift boolean)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_user.id is null or p_user.deleted_at is not null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_user.id = auth.uid() then
    return private.refusal('FORBIDDEN', 'You cannot suspend yourself');
  elsif p_user.role = 'admin' and not private.is_admin() then
    return private.refusal('FORBIDDEN', 'Only an admin can suspend an admin');
  elsif not p_lift and exists (
    select from public.auctions
    where id = any(private.running_auctions_of(p_user.id))
      and private.takes_part(auctions, auth.uid())
  ) then
    -- A suspension withdraws the bids of a rival for good, also if it is lifted at once.
    return private.refusal('FORBIDDEN', 'You take part in an auction of this user');
  elsif not p_lift and exists (
    select from public.orders
    where
      (buyer_id, seller_id) in ((p_user.id, auth.uid()), (auth.uid(), p_user.id))
      and private.is_order_open(orders)
  ) then
    -- A suspended party cannot confirm, dispute or answer.
    return private.refusal('FORBIDDEN', 'You have an unfinished order with this user');
  end if;
  return null;
end;
$$;
comment on function private.suspension_refusal is 'Return the reason why this member of staff cannot suspend a user or lift the suspension, or null.';

create function private.suspend_user(p_user public.users, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_metadata jsonb;
begin
  if p_user.suspended_at is not null then
    return jsonb_build_object('success', true);
  end if;
  v_now := private.clock();
  update public.users set suspended_at = v_now where id = p_user.id;
  delete from auth.sessions where user_id = p_user.id;
  v_metadata := jsonb_build_object(
    'auctions_cancelled', private.cancel_auctions_of(p_user.id, v_now),
    'bids_withdrawn', private.withdraw_all_bids_of(p_user.id, p_reason)
  );
  perform private.write_audit(
    auth.uid(), 'user_suspended', 'users', p_user.id::text, p_reason, v_metadata
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.suspend_user is 'Suspend a user that lock_person has locked: end the sessions, cancel the running auctions, withdraw the bids from live ones. A suspended user stays so, and nothing is recorded.';

create function private.cancel_auctions_of(p_user_id uuid, p_now timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform private.cancel_auction(own.id, p_now)
  from (
    select a.id from public.listings as l
    join public.auctions as a on a.listing_id = l.id
    where l.seller_id = p_user_id and a.status in ('scheduled', 'live')
    order by a.id
  ) as own;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.cancel_auctions_of is 'Cancel the scheduled and live auctions of a seller, and return their number. The caller has locked them.';

create function private.withdraw_all_bids_of(p_user_id uuid, p_reason text)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform private.withdraw_bids(bid_on.id, array[p_user_id], auth.uid(), p_reason)
  from (
    select a.id from private.proxy_bids as p
    join public.auctions as a on a.id = p.auction_id
    where p.bidder_id = p_user_id and a.status = 'live'
    order by a.id
  ) as bid_on;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.withdraw_all_bids_of is 'Withdraw the bids of a user from all live auctions, and return the number of auctions. The caller has locked them.';

create function private.lift_suspension(p_user public.users, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_user.suspended_at is not null then
    update public.users set suspended_at = null where id = p_user.id;
    perform private.write_audit(
      auth.uid(), 'suspension_lifted', 'users', p_user.id::text, p_reason
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.lift_suspension is 'Lift a suspension, and audit it. Cancelled auctions and withdrawn bids stay as they are.';
