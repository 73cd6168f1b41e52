-- This migration makes moderation work: reports of content, and the actions of staff.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Moderation: functions.

create function private.staff_list_held_messages(p_max_rows integer, p_after_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select created_at from public.messages where id = p_after_id
  );
begin
  perform private.refuse_unless_staff();
  if p_max_rows is null or p_max_rows not between 1 and 100 then
    return private.refusal('VALIDATION_ERROR', 'A page has 1 to 100 rows');
  end if;
  return jsonb_build_object('success', true, 'messages', (
    select coalesce(jsonb_agg(to_jsonb(page) order by page.created_at, page.id), '[]')
    from (
      select
        message.id, message.thread_id, message.sender_id, thread.listing_id, thread.subject,
        message.content, message.reason_codes, sealed.risk_score, message.created_at
      from public.messages as message
      join public.message_threads as thread on thread.id = message.thread_id
      left join private.message_originals as sealed on sealed.message_id = message.id
      where
        message.delivery = 'held'
        and auth.uid() not in (thread.buyer_id, thread.seller_id)
        and (
          p_after_id is null
          -- The first comparison serves the index, which has the time alone.
          or message.created_at >= v_after_at
          and (message.created_at, message.id) > (v_after_at, p_after_id)
        )
      order by message.created_at, message.id
      limit p_max_rows
    ) as page
  ));
end;
$$;
comment on function private.staff_list_held_messages is 'Return a page of the held messages to staff; see the public wrapper.';
grant execute on function private.staff_list_held_messages to authenticated;

create function private.staff_list_reports(p_max_rows integer, p_after_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_after_at constant timestamptz := (
    select created_at from public.content_reports where id = p_after_id
  );
begin
  perform private.refuse_unless_staff();
  if p_max_rows is null or p_max_rows not between 1 and 100 then
    return private.refusal('VALIDATION_ERROR', 'A page has 1 to 100 rows');
  end if;
  return jsonb_build_object('success', true, 'reports', (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'id', page.id, 'reporter_id', page.reporter_id, 'listing_id', page.listing_id,
          'message_id', page.message_id, 'user_id', page.user_id,
          'reported_user_id', private.owner_of_target(page), 'reason', page.reason,
          'created_at', page.created_at
        )
        order by page.created_at, page.id
      ),
      '[]'
    )
    from (
      select report.* from public.content_reports as report
      where
        report.status = 'open'
        -- Staff decide neither about their own reports nor about reports of themselves.
        and report.reporter_id <> auth.uid()
        and private.owner_of_target(report) is distinct from auth.uid()
        and (
          p_after_id is null or (report.created_at, report.id) > (v_after_at, p_after_id)
        )
      order by report.created_at, report.id
      limit p_max_rows
    ) as page
  ));
end;
$$;
comment on function private.staff_list_reports is 'Return a page of the open reports to staff; see the public wrapper.';
grant execute on function private.staff_list_reports to authenticated;

create function private.staff_withdraw_bids(
  p_auction_id uuid, p_bidder_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_withdraw_bids', p_client_request_id,
    jsonb_build_array(p_auction_id, p_bidder_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.withdraw_as_staff(p_auction_id, p_bidder_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.staff_withdraw_bids is 'Withdraw one user''s bids from one auction as staff; see the public wrapper.';
grant execute on function private.staff_withdraw_bids to authenticated;

create function private.withdraw_as_staff(p_auction_id uuid, p_bidder_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
begin
  select * into v_auction from public.auctions where id = p_auction_id for no key update;
  if v_auction.id is null then
    return private.refusal('AUCTION_NOT_FOUND', 'Auction not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif exists (
    select from private.bid_withdrawals
    where auction_id = p_auction_id and bidder_id = p_bidder_id
  ) then
    return jsonb_build_object('success', true);
  elsif v_auction.status <> 'live' then
    return private.refusal('AUCTION_NOT_LIVE', 'Auction is not live');
  elsif not private.withdraw_bids(p_auction_id, array[p_bidder_id], auth.uid(), p_reason) then
    return private.refusal('CONFLICT', 'This user has no bids in this auction');
  end if;
  perform private.write_audit(
    auth.uid(), 'bids_withdrawn', 'auctions', p_auction_id::text, p_reason,
    jsonb_build_object('bidder_id', p_bidder_id)
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.withdraw_as_staff is 'Withdraw the bids and audit it, or return the refusal. A repeat changes nothing and succeeds.';

create function private.takes_part(p_auction public.auctions, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.listings where id = p_auction.listing_id and seller_id = p_user_id
  ) or exists (
    select from public.bids where auction_id = p_auction.id and bidder_id = p_user_id
  );
end;
$$;
comment on function private.takes_part is 'Return true if a user sells in an auction or has ever bid in it.';

create function private.staff_remove_listing(
  p_listing_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_remove_listing', p_client_request_id, jsonb_build_array(p_listing_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.remove_listing(p_listing_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.staff_remove_listing is 'Remove a listing as staff, with bids or without; see the public wrapper.';
grant execute on function private.staff_remove_listing to authenticated;

create function private.remove_listing(p_listing_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif v_listing.status = 'cancelled' then
    return jsonb_build_object('success', true);
  elsif v_auction.status not in ('scheduled', 'live') then
    return private.refusal('LISTING_OVER', 'This listing is over');
  end if;
  perform private.cancel_auction(v_auction.id, v_now);
  perform private.write_audit(
    auth.uid(), 'listing_removed', 'listings', p_listing_id::text, p_reason,
    jsonb_build_object(
      'auction_id', v_auction.id, 'seller_id', v_listing.seller_id,
      'bid_count', v_auction.bid_count
    )
  );
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.remove_listing is 'Cancel a listing that is not over, with its auction, and audit it; or return the refusal. A repeat changes nothing and succeeds.';

create function private.staff_remove_photos(
  p_listing_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_remove_photos', p_client_request_id, jsonb_build_array(p_listing_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.remove_photos_as_staff(p_listing_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.staff_remove_photos is 'Remove the photos of a listing that is over as staff; see the public wrapper.';
grant execute on function private.staff_remove_photos to authenticated;

create function private.remove_photos_as_staff(p_listing_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_count integer;
begin
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  -- This lock waits for reports under way, whose foreign key refers to the listing.
  select * into v_listing from public.listings where id = p_listing_id for update;
  if v_listing.id is null then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  elsif private.takes_part(v_auction, auth.uid()) then
    return private.refusal('FORBIDDEN', 'You take part in this auction');
  elsif v_auction.status in ('scheduled', 'live') then
    return private.refusal('CONFLICT', 'This listing is not over, so remove the listing');
  elsif not private.is_admin() and exists (
    select from public.orders
    where listing_id = p_listing_id and private.is_order_open(orders)
  ) then
    -- The photos are evidence. The law may demand their removal all the same, so an admin decides.
    return private.refusal(
      'CONFLICT', 'The order of this listing is unfinished or in dispute, so an admin decides'
    );
  elsif exists (
    select from public.content_reports where listing_id = p_listing_id and status = 'open'
  ) then
    return private.refusal('CONFLICT', 'Decide the open reports about this listing first');
  end if;
  select count(*) into v_count from public.listing_photos where listing_id = p_listing_id;
  if v_count > 0 then
    perform private.remove_photos(p_listing_id);
    perform private.write_audit(
      auth.uid(), 'photos_removed', 'listings', p_listing_id::text, p_reason,
      jsonb_build_object('seller_id', v_listing.seller_id, 'photos', v_count)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.remove_photos_as_staff is 'Remove all photos of a listing that is over, and audit it; or return the refusal. A repeat changes nothing and succeeds.';

create function private.report_content(
  p_reason text, p_listing_id uuid, p_message_id uuid, p_user_id uuid, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'report_content', p_client_request_id,
    jsonb_build_array(p_reason, p_listing_id, p_message_id, p_user_id)
  );
  v_report public.content_reports;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  v_report.reporter_id := auth.uid();
  v_report.listing_id := p_listing_id;
  v_report.message_id := p_message_id;
  v_report.user_id := p_user_id;
  v_report.reason := private.plain_reason(p_reason);
  v_answer := coalesce(
    private.account_refusal(auth.uid()),
    private.reason_refusal(p_reason),
    private.use_rate_limit('report_content'),
    private.target_refusal(v_report),
    private.store_report(v_report)
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.report_content is 'Report a listing, a message or a user to staff; see the public wrapper.';
grant execute on function private.report_content to authenticated;

create function private.target_refusal(p_report public.content_reports)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_owner_id constant uuid := private.owner_of_target(p_report);
begin
  if num_nonnulls(p_report.listing_id, p_report.message_id, p_report.user_id) <> 1 then
    return private.refusal('VALIDATION_ERROR', 'Report one listing, one message or one user');
  elsif not private.is_target_visible(p_report) then
    return case
      when p_report.listing_id is not null
        then private.refusal('LISTING_NOT_FOUND', 'Listing not found')
      when p_report.message_id is not null
        then private.refusal('RESOURCE_NOT_FOUND', 'Message not found')
      else private.refusal('RESOURCE_NOT_FOUND', 'User not found')
    end;
  elsif v_owner_id = p_report.reporter_id then
    return private.refusal('FORBIDDEN', 'You cannot report yourself');
  end if;
  return null;
end;
$$;
comment on function private.target_refusal is 'Return the reason why a report may not have this target, or null. A report has one target, which the reporter may read and which belongs to another user.';

create function private.owner_of_target(p_report public.content_reports)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce(
    p_report.user_id,
    (select seller_id from public.listings where id = p_report.listing_id),
    (select sender_id from public.messages where id = p_report.message_id)
  );
end;
$$;
comment on function private.owner_of_target is 'Return the reported user, the seller of a reported listing or the sender of a reported message. The policy of content_reports calls it.';
grant execute on function private.owner_of_target to authenticated;

create function private.is_target_visible(p_report public.content_reports)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.listings
    where
      id = p_report.listing_id
      and (status <> 'cancelled' or seller_id = p_report.reporter_id or private.is_staff())
  ) or exists (
    select from public.messages as message
    join public.message_threads as thread on thread.id = message.thread_id
    where
      message.id = p_report.message_id
      and (
        message.sender_id = p_report.reporter_id
        or message.delivery = 'delivered'
        and p_report.reporter_id in (thread.buyer_id, thread.seller_id)
        or p_report.reporter_id not in (thread.buyer_id, thread.seller_id) and private.is_staff()
      )
  ) or exists (
    select from public.users where id = p_report.user_id and deleted_at is null
  );
end;
$$;
comment on function private.is_target_visible is 'Return true if the target exists and the policies of its table let the reporter read it.';

create function private.store_report(p_report public.content_reports)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_id uuid;
  v_now timestamptz;
  v_status public.report_status;
begin
  v_now := private.clock();
  insert into public.content_reports (
    reporter_id, listing_id, message_id, user_id, reason, created_at
  )
  values (
    p_report.reporter_id, p_report.listing_id, p_report.message_id, p_report.user_id,
    p_report.reason, v_now
  )
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    select id, status into v_id, v_status from public.content_reports
    where
      reporter_id = p_report.reporter_id
      and (listing_id, message_id, user_id)
      is not distinct from (p_report.listing_id, p_report.message_id, p_report.user_id);
  end if;
  if v_status <> 'open' then
    -- Nobody would read the new reason.
    return private.refusal('CONFLICT', 'Staff have decided about your report already');
  end if;
  return jsonb_build_object('success', true, 'report_id', v_id);
end;
$$;
comment on function private.store_report is 'Store a report. A second report of the same user about the same target changes nothing and answers the first one''s id, or a refusal if staff have decided about it.';

create function private.staff_decide_report(
  p_report_id uuid, p_uphold boolean, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_decide_report', p_client_request_id, jsonb_build_array(p_report_id, p_uphold, p_reason)
  );
  v_report public.content_reports;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  select * into v_report from public.content_reports where id = p_report_id for no key update;
  v_answer := coalesce(
    private.decision_about_report_refusal(v_report, p_uphold, p_reason),
    private.store_report_decision(v_report, p_uphold, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.staff_decide_report is 'Decide about a report as staff; see the public wrapper.';
grant execute on function private.staff_decide_report to authenticated;

create function private.decision_about_report_refusal(
  p_report public.content_reports, p_uphold boolean, p_reason text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_report.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Report not found');
  elsif auth.uid() in (p_report.reporter_id, private.owner_of_target(p_report)) then
    return private.refusal('FORBIDDEN', 'This report is yours or about you');
  elsif p_uphold is null then
    return private.refusal('VALIDATION_ERROR', 'A decision is true to uphold or false to dismiss');
  elsif p_report.status <> 'open' and (p_report.status = 'upheld') <> p_uphold then
    return private.refusal('CONFLICT', 'This report is decided already');
  end if;
  return private.reason_refusal(p_reason);
end;
$$;
comment on function private.decision_about_report_refusal is 'Return the reason why this member of staff cannot make this decision about a report, or null.';

create function private.store_report_decision(
  p_report public.content_reports, p_uphold boolean, p_reason text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_status public.listing_status;
begin
  if p_report.status = 'open' then
    v_now := private.clock();
    update public.content_reports
    set
      status = case when p_uphold then 'upheld' else 'dismissed' end::public.report_status,
      decided_by = auth.uid(),
      decided_at = v_now,
      updated_at = v_now
    where id = p_report.id;
    perform private.write_audit(
      auth.uid(), case when p_uphold then 'report_upheld' else 'report_dismissed' end,
      'content_reports', p_report.id::text, p_reason,
      jsonb_strip_nulls(jsonb_build_object(
        'listing_id', p_report.listing_id, 'message_id', p_report.message_id,
        'user_id', p_report.user_id,
        -- This hides the entry from the reported user, who may be on the staff.
        'reported_user_id', private.owner_of_target(p_report)
      ))
    );
    -- With the lock, the later one of two decisions, or of a decision and a removal, sees both.
    select status into v_status from public.listings
    where id = p_report.listing_id for no key update;
    if v_status = 'cancelled' then
      perform private.remove_photos(p_report.listing_id);
    end if;
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.store_report_decision is 'Record a decision about a report, and audit it. After the last open report about a cancelled listing, remove the photos. The same decision again changes nothing.';

create function private.admin_set_role(
  p_user_id uuid, p_role text, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'admin_set_role', p_client_request_id, jsonb_build_array(p_user_id, p_role, p_reason)
  );
  v_user public.users;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_admin();
  perform private.lock_admins();
  select * into v_user from public.users where id = p_user_id for no key update;
  -- Another admin may have taken the caller's role during the wait for the locks.
  perform private.refuse_unless_admin();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.role_refusal(v_user, p_role),
    private.store_role(v_user, p_role, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.admin_set_role is 'Change the role of a user as an admin; see the public wrapper.';
grant execute on function private.admin_set_role to authenticated;

create function private.refuse_unless_admin()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not private.is_admin() then
    raise sqlstate 'PT403' using message = 'FORBIDDEN';
  end if;
end;
$$;
comment on function private.refuse_unless_admin is 'Raise FORBIDDEN unless the caller is an admin, with a second factor where require_staff_aal2 is true.';

create function private.role_refusal(p_user public.users, p_role text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  if p_user.id is null or p_user.deleted_at is not null then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_role is null or p_role <> all(enum_range(null::public.user_role)::text[]) then
    return private.refusal('VALIDATION_ERROR', 'A role is buyer, seller, moderator or admin');
  elsif p_role = p_user.role::text then
    return null;
  elsif private.is_last_admin(p_user) then
    return private.refusal('LAST_ADMIN', 'The last admin keeps the role');
  elsif p_role in ('moderator', 'admin') and not private.may_become_staff(p_user.id) then
    return private.refusal('SECOND_FACTOR_REQUIRED', 'This user has no verified second factor');
  end if;
  return null;
end;
$$;
comment on function private.role_refusal is 'Return the reason why a user cannot get a role, or null. The caller has locked all admins.';

create function private.is_last_admin(p_user public.users)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return p_user.role = 'admin' and not exists (
    select from public.users
    where
      role = 'admin' and id <> p_user.id and suspended_at is null and deleted_at is null
  );
end;
$$;
comment on function private.is_last_admin is 'Return true if no admin would be left without this user. The caller has locked all admins.';

create function private.may_become_staff(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return not private.setting('require_staff_aal2')::boolean or exists (
    select from auth.mfa_factors where user_id = p_user_id and status = 'verified'
  );
end;
$$;
comment on function private.may_become_staff is 'Return true if a user has a verified second factor, or staff need none.';

create function private.store_role(p_user public.users, p_role text, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_role <> p_user.role::text then
    update public.users
    set
      role = p_role::public.user_role,
      -- A name of the staff stays with the staff.
      display_name = case
        when p_role in ('buyer', 'seller') and private.claims_authority(display_name)
          then private.default_name()
        else display_name
      end
    where id = p_user.id;
    perform private.write_audit(
      auth.uid(), 'role_set', 'users', p_user.id::text, p_reason,
      jsonb_build_object('from', p_user.role, 'to', p_role)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;
comment on function private.store_role is 'Store a new role, and audit it. The same role again changes nothing.';

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

-- Moderation: RPCs.

create function public.report_content(
  reason text, listing_id uuid default null, message_id uuid default null,
  user_id uuid default null, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.report_content(
    report_content.reason, report_content.listing_id, report_content.message_id,
    report_content.user_id, report_content.client_request_id
  );
end;
$$;
comment on function public.report_content is 'Report one listing, one message or one user to staff: {success, report_id}. reason has 10 to 500 characters. A second report about the same target answers the id of the first and changes nothing. Refusals: CONFLICT (staff have decided about the first one), LISTING_NOT_FOUND and RESOURCE_NOT_FOUND (also for a target that the caller may not read), FORBIDDEN (the caller''s own), VALIDATION_ERROR, USER_SUSPENDED, RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';
grant execute on function public.report_content to authenticated;

create function public.staff_decide_report(
  report_id uuid, uphold boolean, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_decide_report(
    staff_decide_report.report_id, staff_decide_report.uphold, staff_decide_report.reason,
    staff_decide_report.client_request_id
  );
end;
$$;
comment on function public.staff_decide_report is 'Uphold or dismiss a report as staff: {success}. Other functions remove or suspend; only the photos of a cancelled listing go with its last open report. The same decision again succeeds and changes nothing. Audited. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN (the caller reported or is reported), VALIDATION_ERROR, CONFLICT (decided otherwise), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_decide_report to authenticated;

create function public.staff_suspend_user(
  user_id uuid, reason text, lift boolean default false, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_suspend_user(
    staff_suspend_user.user_id, staff_suspend_user.reason, staff_suspend_user.lift,
    staff_suspend_user.client_request_id
  );
end;
$$;
comment on function public.staff_suspend_user is 'Suspend a user as staff: {success}. The sessions end, the user''s scheduled and live auctions are cancelled, and the user''s bids are withdrawn from live auctions. Photos go as in staff_remove_listing. lift true ends the suspension; auctions and bids stay as they are. The same call again succeeds and changes nothing. Audited. Refusals: PROFILE_NOT_FOUND, FORBIDDEN (oneself, an admin unless the caller is one, or a user with a running auction that the caller takes part in, or who has an unfinished order with the caller), VALIDATION_ERROR, REQUEST_ID_REUSED. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_suspend_user to authenticated;

create function public.staff_withdraw_bids(
  auction_id uuid, bidder_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_withdraw_bids(
    staff_withdraw_bids.auction_id, staff_withdraw_bids.bidder_id, staff_withdraw_bids.reason,
    staff_withdraw_bids.client_request_id
  );
end;
$$;
comment on function public.staff_withdraw_bids is 'Withdraw all bids of one user from a live auction as staff, and bar the user from it: {success}. Price and leader follow from the maxima that remain. Seller and a new leader are notified with bids_withdrawn. A repeat succeeds and changes nothing. Audited. Refusals: AUCTION_NOT_FOUND, AUCTION_NOT_LIVE, FORBIDDEN (the caller sells or bids there), CONFLICT (no bids), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_withdraw_bids to authenticated;

create function public.staff_remove_listing(
  listing_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_remove_listing(
    staff_remove_listing.listing_id, staff_remove_listing.reason,
    staff_remove_listing.client_request_id
  );
end;
$$;
comment on function public.staff_remove_listing is 'Remove a scheduled or live listing as staff, with bids or without: {success}. The auction is cancelled, and the seller and the bidders get auction_cancelled. The photos go at once, or with the decision about the last open report. A repeat succeeds and changes nothing. Audited. Refusals: LISTING_NOT_FOUND, LISTING_OVER, FORBIDDEN (the caller sells or bids there), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_remove_listing to authenticated;

create function public.staff_remove_photos(
  listing_id uuid, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.staff_remove_photos(
    staff_remove_photos.listing_id, staff_remove_photos.reason,
    staff_remove_photos.client_request_id
  );
end;
$$;
comment on function public.staff_remove_photos is 'Remove all photos of an ended or cancelled listing as staff: {success}. The listing stays. A file goes once no other listing shows it: a listing that was offered again shows the files of its predecessor. A repeat succeeds and changes nothing. Audited. Refusals: LISTING_NOT_FOUND, FORBIDDEN (the caller sold or bid there), CONFLICT (the listing is not over, its order is unfinished or in dispute and the caller is no admin, or it has an open report), VALIDATION_ERROR, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_remove_photos to authenticated;

create function public.admin_set_role(
  user_id uuid, role text, reason text, client_request_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.admin_set_role(
    admin_set_role.user_id, admin_set_role.role, admin_set_role.reason,
    admin_set_role.client_request_id
  );
end;
$$;
comment on function public.admin_set_role is 'Change the role of a user as an admin: {success}. role is buyer, seller, moderator or admin. The same role again succeeds and changes nothing. Audited. Refusals: PROFILE_NOT_FOUND, SECOND_FACTOR_REQUIRED (a new member of staff has no verified second factor), LAST_ADMIN, VALIDATION_ERROR, REQUEST_ID_REUSED. Raises FORBIDDEN for others than admins.';
grant execute on function public.admin_set_role to authenticated;

create function public.staff_list_held_messages(
  max_rows integer default 50, after_id uuid default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_list_held_messages(
    staff_list_held_messages.max_rows, staff_list_held_messages.after_id
  );
end;
$$;
comment on function public.staff_list_held_messages is 'List the held messages as staff, the oldest first: {success, messages [{id, thread_id, sender_id, listing_id, subject, content, reason_codes, risk_score, created_at}]}. content is masked. Messages to or from the caller are left out. For the next page, send the id of the last message as after_id. Refusal: VALIDATION_ERROR. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_list_held_messages to authenticated;

create function public.staff_list_reports(max_rows integer default 50, after_id uuid default null)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.staff_list_reports(staff_list_reports.max_rows, staff_list_reports.after_id);
end;
$$;
comment on function public.staff_list_reports is 'List the open reports as staff, the oldest first: {success, reports [{id, reporter_id, listing_id, message_id, user_id, reported_user_id, reason, created_at}]}. reported_user_id is the user behind the target. Reports of the caller, and about the caller, are left out. For the next page, send the id of the last report as after_id. Refusal: VALIDATION_ERROR. Raises FORBIDDEN for others than staff.';
grant execute on function public.staff_list_reports to authenticated;

-- Moderation: grants and row level security.

alter table public.user_strikes enable row level security;
grant select (
  id, user_id, order_id, reason, points, expires_at, created_at
) on public.user_strikes to authenticated;

create policy people_read_their_own_strikes on public.user_strikes
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
comment on policy people_read_their_own_strikes on public.user_strikes is 'Users read their own strikes; staff read all.';

alter table public.content_reports enable row level security;
grant select (
  id, reporter_id, listing_id, message_id, user_id, reason, status, decided_by, decided_at,
  created_at, updated_at
) on public.content_reports to authenticated;

create policy people_read_their_own_reports on public.content_reports
for select to authenticated
using (
  reporter_id = (select auth.uid())
  or (
    (select private.is_staff())
    and private.owner_of_target(content_reports) is distinct from (select auth.uid())
  )
);
comment on policy people_read_their_own_reports on public.content_reports is 'Users read the reports that they wrote; staff read all others. A reported user, also one on the staff, learns nothing.';
