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
