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
