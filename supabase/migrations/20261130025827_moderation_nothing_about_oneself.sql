set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.has_role;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.request_refund;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.refund_refusal;

create or replace function private.is_staff()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.has_staff_rights(auth.uid(), auth.jwt() ->> 'aal');
end;
$$;

create or replace function private.is_admin()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.holds_role(auth.uid(), auth.jwt() ->> 'aal', '{admin}');
end;
$$;

create function private.has_staff_rights(p_user_id uuid, p_aal text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.holds_role(p_user_id, p_aal, '{admin,moderator}');
end;
$$;

comment on function private.has_staff_rights is 'Return true if a session of this user has the rights of staff. Nothing else decides that. p_aal is the strength that the token of the session names.';

create or replace function private.session_is_staff(p_user_id uuid, p_session_id uuid, p_aal text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.session_is_live(p_user_id, p_session_id) || jsonb_build_object(
    'is_staff', private.has_staff_rights(p_user_id, p_aal)
  );
end;
$$;

create or replace function private.call_off(p_listing_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_now timestamptz;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings
  where id = p_listing_id and (seller_id = auth.uid() or private.is_staff());
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status = 'cancelled' then
    return jsonb_build_object('success', true);
  elsif
    v_listing.status = 'ended' or v_auction.status = 'live' and v_auction.end_at <= v_now
  then
    return private.refusal('LISTING_OVER', 'This listing is over');
  elsif v_auction.high_bidder_id is not null then
    return private.refusal('LISTING_HAS_BIDS', 'A listing with bids cannot be cancelled');
  end if;
  update public.auctions
  set status = 'cancelled', finalized_at = v_now, version = version + 1, updated_at = v_now
  where id = v_auction.id;
  update public.listings set status = 'cancelled', updated_at = v_now where id = p_listing_id;
  if v_listing.seller_id <> auth.uid() then
    perform private.remove_photos(p_listing_id);
    perform private.write_audit(
      auth.uid(), 'listing_cancelled', 'listings', p_listing_id::text,
      'Staff cancelled a listing without bids',
      jsonb_build_object('seller_id', v_listing.seller_id)
    );
  end if;
  return jsonb_build_object('success', true);
end;
$$;

create or replace function private.audit_review(p_message public.messages, p_action text, p_reason text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- All staff read the audit log, so it does not quote the message. It names both parties, which
  -- hides the entry from a party on the staff.
  perform private.write_audit(
    auth.uid(), p_action, 'messages', p_message.id::text, p_reason,
    jsonb_build_object(
      'thread_id', p_message.thread_id,
      'sender_id', p_message.sender_id,
      'recipient_id', private.other_party(thread, p_message.sender_id)
    )
  )
  from public.message_threads as thread
  where thread.id = p_message.thread_id;
end;
$$;

create or replace function private.staff_list_reports(p_max_rows integer, p_after_id uuid)
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

create or replace function private.owner_of_target(p_report public.content_reports)
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

create or replace function private.store_report_decision(
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

create or replace function private.may_view_order(p_order public.orders, p_user_id uuid, p_aal text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.has_staff_rights(p_user_id, p_aal) or (
    private.party_of(p_order, p_user_id) is not null
    and not private.is_deleted_account(p_user_id)
  );
end;
$$;

create or replace function private.process_refund_transaction(
  p_order_id uuid, p_amount_cents bigint, p_reason text, p_user_id uuid,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Only our own processes call this. They have checked the session of the user.
  return private.request_refund(
    p_order_id, null, p_amount_cents, p_reason, p_user_id,
    private.has_staff_rights(p_user_id, 'aal2'), p_client_request_id
  );
end;
$$;

create or replace function private.refund_order(
  p_order_id uuid, p_amount_cents bigint, p_user_id uuid, p_aal text, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_is_staff constant boolean := private.has_staff_rights(p_user_id, p_aal);
begin
  -- Check the caller before locking, so another user's calls cannot delay the order.
  if p_user_id <> (select seller_id from public.orders where id = p_order_id)
    and not v_is_staff
  then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  end if;
  return private.request_refund(
    p_order_id, null, p_amount_cents, null, p_user_id, v_is_staff, p_client_request_id
  );
end;
$$;

create or replace function private.refund_payment(
  p_payment_intent_id text, p_reason text, p_user_id uuid, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_order_id uuid;
begin
  select order_id into v_order_id from public.payments
  where stripe_payment_intent_id = p_payment_intent_id;
  if v_order_id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Payment not found');
  end if;
  -- Only operators and our own processes call this. They have checked the session of the user.
  return private.request_refund(
    v_order_id, p_payment_intent_id, null, p_reason, p_user_id,
    private.has_staff_rights(p_user_id, 'aal2'), p_client_request_id
  );
end;
$$;

create function private.request_refund(
  p_order_id uuid, p_payment_intent_id text, p_amount_cents bigint, p_reason text,
  p_user_id uuid, p_is_staff boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_reason constant text := private.plain_reason(p_reason);
  v_order public.orders;
  v_payment public.payments;
  v_left_cents bigint;
  v_answer jsonb;
  v_outbox_id uuid;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  if v_order.id is null then
    return private.refusal('RESOURCE_NOT_FOUND', 'Order not found');
  elsif p_client_request_id is null then
    raise sqlstate 'PT400' using message = 'CLIENT_REQUEST_ID_MISSING';
  end if;
  v_payment := private.lock_refundable_payment(v_order, p_payment_intent_id);
  v_left_cents := private.unrefunded_cents(v_payment);
  v_answer := coalesce(
    private.repeated_refund(
      p_order_id, p_payment_intent_id, p_amount_cents, p_user_id, p_client_request_id
    ),
    private.refund_refusal(
      v_order, v_payment, p_user_id, p_is_staff, coalesce(p_amount_cents, v_left_cents),
      v_left_cents
    )
  );
  if v_answer is not null then
    return v_answer;
  end if;

  v_outbox_id := private.reserve_refund(
    v_order, v_payment, coalesce(p_amount_cents, v_left_cents),
    case
      when not v_payment.settles_order then 'none'
      when v_order.state = 'cancelled' then 'cancelled'
      else 'refunded'
    end::public.refund_target,
    v_reason, p_user_id, p_client_request_id::text,
    private.refund_request(p_payment_intent_id, p_amount_cents)
  );
  if v_outbox_id is not null
    and p_user_id is not null
    and (p_user_id <> v_order.seller_id or private.is_owed_back(v_order, v_payment))
  then
    perform private.write_audit(
      p_user_id,
      case
        when private.is_owed_back(v_order, v_payment) then 'payment_refunded_again'
        else 'payment_refunded'
      end,
      'payments', v_payment.stripe_payment_intent_id,
      coalesce(v_reason, 'No reason given'),
      jsonb_build_object('order_id', p_order_id, 'request_id', p_client_request_id)
    );
  end if;
  -- Read the refund back, because a concurrent call for another order may have used this request id.
  return private.repeated_refund(
    p_order_id, p_payment_intent_id, p_amount_cents, p_user_id, p_client_request_id
  );
end;
$$;

comment on function private.request_refund is 'Reserve a refund of the payment with this intent, or of the payment that refunds of the order come from. The same request gets the same refund and its present status. p_is_staff is true if the session of the user has the rights of staff.';

create function private.refund_refusal(
  p_order public.orders, p_payment public.payments, p_user_id uuid, p_is_staff boolean,
  p_amount_cents bigint, p_left_cents bigint
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_owed constant boolean := coalesce(p_left_cents > 0, false)
  and private.is_owed_back(p_order, p_payment);
  -- Staff decide nothing about their own purchase.
  v_is_staff constant boolean := p_is_staff and p_user_id <> p_order.buyer_id;
begin
  if p_user_id is distinct from p_order.seller_id
    and not v_is_staff
    -- Our own jobs call without a user id. They may refund only money that must go back to the
    -- buyer.
    and not (v_is_owed and p_user_id is null)
  then
    return private.refusal('FORBIDDEN', 'Only the seller or staff can refund this order');
  elsif not (
    case
      when v_is_owed then v_is_staff or p_user_id is null
      when p_order.state = 'released' then v_is_staff
      else p_order.state in ('paid', 'ready_for_handover', 'shipped', 'delivered')
    end
  ) then
    return private.refusal('CONFLICT', 'This order cannot be refunded as it stands');
  elsif private.held_cents(p_payment.id) > 0 then
    return private.refusal('CONFLICT', 'Stripe holds this money for a dispute');
  elsif coalesce(p_amount_cents not between 1 and p_left_cents, true) then
    return private.refusal('VALIDATION_ERROR', 'Refund must be within what is left of the payment');
  end if;
  return null;
end;
$$;

comment on function private.refund_refusal is 'Return the reason why this refund may not be reserved, or null if it may.';

create or replace function private.release_blocked_transfers(p_seller_id uuid, p_reason text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  if p_seller_id = auth.uid() then
    return private.refusal('FORBIDDEN', 'These transfers are yours');
  end if;
  update public.outbox set payload = payload || '{"transfers_released": true}'
  where id in (select id from private.blocking_reversals(p_seller_id));
  get diagnostics v_count = row_count;
  if v_count = 0 then
    return private.refusal('CONFLICT', 'No transfer of this seller waits for a reversal');
  end if;
  perform private.wake_transfers(p_seller_id);
  perform private.write_audit(
    auth.uid(), 'transfers_released', 'users', p_seller_id::text, p_reason,
    jsonb_build_object('reversals', v_count)
  );
  return jsonb_build_object('success', true, 'reversals', v_count);
end;
$$;

comment on function public.staff_list_reports is 'List the open reports as staff, the oldest first: {success, reports [{id, reporter_id, listing_id, message_id, user_id, reported_user_id, reason, created_at}]}. reported_user_id is the user behind the target. Reports of the caller, and about the caller, are left out. For the next page, send the id of the last report as after_id. Refusal: VALIDATION_ERROR. Raises FORBIDDEN for others than staff.';

comment on function public.release_transfers is 'Let the transfers of a seller go on although Stripe could not collect a reversal from the seller yet: {success, reversals}; for staff and our own processes, audited. Refusals: VALIDATION_ERROR, CONFLICT if no transfer waits, FORBIDDEN (the caller''s own transfers), REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FORBIDDEN.';

alter policy parties_read_dispute_messages on public.dispute_messages
using ((
  select
    not dispute_messages.is_internal
    or (
      (select private.is_staff())
      and (select auth.uid()) not in (disputes.initiator_id, disputes.respondent_id)
    )
  from public.disputes
  where disputes.id = dispute_messages.dispute_id
));

comment on policy parties_read_dispute_messages on public.dispute_messages is 'The parties read the messages of their dispute. Only staff read internal ones, and not about a dispute of their own.';

alter policy people_read_their_own_reports on public.content_reports
using (
  reporter_id = (select auth.uid())
  or (
    (select private.is_staff())
    and private.owner_of_target(content_reports) is distinct from (select auth.uid())
  )
);

comment on policy people_read_their_own_reports on public.content_reports is 'Users read the reports that they wrote; staff read all others. A reported user, also one on the staff, learns nothing.';

alter policy staff_read_the_audit_log on public.audit_logs
using (
  (select private.is_staff())
  and (
    actor_id = (select auth.uid())
    or entity_id is distinct from (select auth.uid())::text
    and strpos(metadata::text, (select auth.uid())::text) = 0
  )
);

comment on policy staff_read_the_audit_log on public.audit_logs is 'Only staff read the audit log, and only write_audit writes it. Nobody reads what others decided about them: entries that name the reader are hidden, except the reader''s own actions.';
