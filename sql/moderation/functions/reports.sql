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
