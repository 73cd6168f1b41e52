set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.begin_request;

-- Only functions read the column, and this migration replaces all of them. Receipts of earlier calls
-- have no hash, so their repeats still get the answer.
-- squawk-ignore ban-drop-column
alter table private.request_receipts drop column object_id, add column arguments_hash uuid;

comment on table private.request_receipts is 'Answers of calls by client_request_id. A client may repeat a call for 30 days, and its effect happens only once.';

comment on column private.request_receipts.arguments_hash is 'A hash of the arguments of the call. Null for a call of an earlier release.';

create function private.begin_request(
  p_function text, p_request_id uuid, p_arguments jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_hash uuid;
  v_receipt private.request_receipts;
begin
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_request_id is null or auth.uid() is null then
    -- Without a user, the caller is one of our own processes. Their calls have keys of their own.
    return null;
  end if;
  v_hash := md5(p_arguments::text)::uuid;
  -- The insert waits until a concurrent call with the same id ends. A success has then left its
  -- answer, and a refusal has left no row.
  insert into private.request_receipts (caller_id, client_request_id, function, arguments_hash)
  values (auth.uid(), p_request_id, p_function, v_hash)
  on conflict (caller_id, client_request_id) do nothing;
  if found then
    return null;
  end if;
  select * into v_receipt from private.request_receipts
  where caller_id = auth.uid() and client_request_id = p_request_id;
  if v_receipt.function <> p_function or v_receipt.arguments_hash <> v_hash then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt.answer;
end;
$$;

comment on function private.begin_request is 'Begin a repeatable call. Return null if the call is new; the caller then ends with finish_request. Otherwise return the stored answer, or a refusal if the id was used for another function or with other arguments. p_arguments is null where the caller compares them itself.';

create or replace function private.resolve_dispute(
  p_dispute_id uuid, p_decision text, p_note text, p_refund_cents bigint,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'resolve_dispute', p_client_request_id,
    jsonb_build_array(p_dispute_id, p_decision, p_note, p_refund_cents)
  );
  v_dispute public.disputes;
  v_order public.orders;
  v_payment public.payments;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  select * into v_order from public.orders
  where id = (select order_id from public.disputes where id = p_dispute_id) for update;
  select * into v_payment from public.payments
  where order_id = v_order.id and settles_order for update;
  select * into v_dispute from public.disputes where id = p_dispute_id for update;
  v_dispute := private.decided_dispute(
    v_dispute, p_decision, p_note, p_refund_cents, private.unrefunded_cents(v_payment)
  );
  v_answer := coalesce(
    private.decider_refusal(v_dispute),
    private.decision_refusal(v_dispute, p_refund_cents),
    private.decided_refund_refusal(v_order, v_payment, v_dispute),
    private.store_decision(v_order, v_payment, v_dispute)
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.add_dispute_message(
  p_dispute_id uuid, p_content text, p_is_internal boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'add_dispute_message', p_client_request_id,
    jsonb_build_array(p_dispute_id, p_content, coalesce(p_is_internal, false))
  );
  v_content constant text := private.plain_text(p_content, 1000);
  v_dispute public.disputes;
  v_message_id uuid;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  select * into v_dispute from public.disputes where id = p_dispute_id;
  v_answer := coalesce(
    private.dispute_writer_refusal(v_dispute, coalesce(p_is_internal, false)),
    case
      when coalesce(private.visible_length(v_content), 0) < 1 or char_length(v_content) > 1000
        then private.refusal('VALIDATION_ERROR', 'A message has 1 to 1000 characters')
    end,
    -- Staff may quote the details that a party wrote elsewhere.
    case when not private.is_staff() then private.payment_text_refusal('content', v_content) end,
    private.use_rate_limit('add_dispute_message')
  );
  if v_answer is null then
    insert into public.dispute_messages (
      dispute_id, sender_id, message_type, content, is_internal
    )
    values (
      p_dispute_id, auth.uid(),
      case
        when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id) then 'user'
        else 'admin'
      end::public.dispute_message_type,
      v_content, coalesce(p_is_internal, false)
    )
    returning id into v_message_id;
    v_answer := jsonb_build_object('success', true, 'message_id', v_message_id);
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.open_dispute(
  p_order_id uuid, p_dispute_type text, p_reason text, p_description text,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'open_dispute', p_client_request_id,
    jsonb_build_array(p_order_id, p_dispute_type, p_reason, p_description)
  );
  v_order public.orders;
  v_dispute public.disputes;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check the caller before locking, so another user's calls cannot delay the order.
  select * into v_order from public.orders where id = p_order_id;
  v_answer := private.disputant_refusal(v_order);
  if v_answer is null then
    select * into v_order from public.orders where id = p_order_id for update;
    v_dispute := private.new_dispute(v_order, p_dispute_type, p_reason, p_description);
    v_answer := coalesce(
      private.new_dispute_refusal(v_order, v_dispute),
      private.payment_text_refusal('reason', v_dispute.reason),
      private.payment_text_refusal('description', v_dispute.description),
      -- Count the call last, so that the person may try again after a mistake.
      private.use_rate_limit('open_dispute'),
      private.store_dispute(v_order, v_dispute)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.requeue_webhook_event(p_event_id text, p_client_request_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_webhook_event', p_client_request_id, jsonb_build_array(p_event_id)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  return private.finish_request(
    p_client_request_id,
    private.requeue_event(p_event_id, auth.uid(), 'The event got all of its tries again')
  );
end;
$$;

create or replace function private.requeue_ignored_events(
  p_type text, p_since text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_ignored_events', p_client_request_id, jsonb_build_array(p_type, p_since)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  return private.finish_request(
    p_client_request_id, private.requeue_unhandled(p_type, private.time_or_null(p_since))
  );
end;
$$;

create or replace function private.update_listing(
  p_listing_id uuid, p_changes jsonb, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'update_listing', p_client_request_id, jsonb_build_array(p_listing_id, p_changes)
  );
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id, private.change_listing(p_listing_id, p_changes)
  ));
end;
$$;

create or replace function private.cancel_listing(p_listing_id uuid, p_client_request_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'cancel_listing', p_client_request_id, jsonb_build_array(p_listing_id)
  );
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id, private.call_off(p_listing_id)
  ));
end;
$$;

create or replace function private.relist_listing(
  p_listing_id uuid, p_start_at text, p_end_at text, p_reserve_cents bigint,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'relist_listing', p_client_request_id,
    jsonb_build_array(p_listing_id, p_start_at, p_end_at, p_reserve_cents)
  );
begin
  return coalesce(v_answer, private.finish_request(
    p_client_request_id,
    coalesce(
      private.times_refusal(p_start_at, p_end_at),
      private.offer_again(
        p_listing_id, p_start_at::timestamptz, p_end_at::timestamptz, p_reserve_cents
      )
    )
  ));
end;
$$;

create or replace function private.create_listing(
  p_title text, p_description text, p_category_id integer, p_condition text, p_start_cents bigint,
  p_pickup boolean, p_shipping boolean, p_location jsonb, p_start_at text, p_end_at text,
  p_reserve_cents bigint, p_buy_now_cents bigint, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'create_listing', p_client_request_id,
    jsonb_build_array(
      p_title, p_description, p_category_id, p_condition, p_start_cents, p_pickup, p_shipping,
      p_location, p_start_at, p_end_at, p_reserve_cents, p_buy_now_cents
    )
  );
  v_listing public.listings;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check rights and lengths before any work on the texts.
  v_answer := coalesce(
    private.use_sale_permission(private.oversized_field(p_title, p_description, p_location)),
    private.times_refusal(p_start_at, p_end_at)
  );
  if v_answer is null then
    v_listing.seller_id := auth.uid();
    v_listing.title := private.plain_line(p_title);
    v_listing.description := private.plain_text(p_description);
    v_listing.category_id := p_category_id;
    v_listing.condition := private.condition_or_null(p_condition);
    v_listing.location := private.coarse_location(p_location);
    v_listing.pickup := coalesce(p_pickup, false);
    v_listing.shipping := coalesce(p_shipping, false);
    v_listing.start_cents := p_start_cents;
    v_listing.buy_now_cents := p_buy_now_cents;
    v_answer := private.offer(
      v_listing, p_start_at::timestamptz, p_end_at::timestamptz, p_reserve_cents,
      private.street_of(p_location)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.staff_decide_message(
  p_message_id uuid, p_release boolean, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'staff_decide_message', p_client_request_id,
    jsonb_build_array(p_message_id, p_release, p_reason)
  );
  v_message public.messages;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  -- A release also changes the thread and the messages that this one completes. Other releases and
  -- new messages of the pair change the same rows, so they take turns.
  perform private.lock_messages(
    message.sender_id, private.other_party(thread, message.sender_id)
  )
  from public.messages as message
  join public.message_threads as thread on thread.id = message.thread_id
  where message.id = p_message_id;
  select * into v_message from public.messages where id = p_message_id;
  v_answer := coalesce(
    private.reviewer_refusal(v_message, p_reason),
    private.review_answer(v_message, p_release),
    private.store_review(v_message, p_release, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.begin_message(p_function text, p_client_message_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return coalesce(
    private.begin_request(p_function, p_client_message_id, null),
    case
      when p_client_message_id is null
        then private.refusal('VALIDATION_ERROR', 'A message needs a client_message_id')
    end
  );
end;
$$;

create or replace function private.staff_withdraw_bids(
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

create or replace function private.staff_remove_listing(
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

create or replace function private.report_content(
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
    private.use_rate_limit('report_content'),
    private.reason_refusal(p_reason),
    private.target_refusal(v_report),
    private.store_report(v_report)
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.store_report(p_report public.content_reports)
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

create or replace function private.staff_decide_report(
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

create or replace function private.admin_set_role(
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

create or replace function private.staff_suspend_user(
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

create or replace function private.requeue_outbox(
  p_outbox_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'requeue_outbox', p_client_request_id, jsonb_build_array(p_outbox_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  return private.finish_request(
    p_client_request_id, private.requeue_dead_row(p_outbox_id, p_reason)
  );
end;
$$;

create or replace function private.release_transfers(
  p_seller_id uuid, p_reason text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'release_transfers', p_client_request_id, jsonb_build_array(p_seller_id, p_reason)
  );
begin
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_unless_staff();
  v_answer := coalesce(
    private.reason_refusal(p_reason),
    private.release_blocked_transfers(p_seller_id, private.plain_reason(p_reason))
  );
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

comment on function public.report_content is 'Report one listing, one message or one user to staff: {success, report_id}. reason has 10 to 500 characters. A second report about the same target answers the id of the first and changes nothing. Refusals: CONFLICT (staff have decided about the first one), LISTING_NOT_FOUND and RESOURCE_NOT_FOUND (also for a target that the caller may not read), FORBIDDEN (the caller''s own), VALIDATION_ERROR, USER_SUSPENDED, RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';
