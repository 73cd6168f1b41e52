set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.suspension_refusal;

comment on column private.request_receipts.object_id is 'The listing, order, dispute or message that the call is about, or a hash of it and of the argument that decides. Null for a call that creates its object.';

create or replace function private.begin_request(
  p_function text, p_request_id uuid, p_object_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_receipt private.request_receipts;
begin
  if private.is_deleted_account(auth.uid()) then
    return private.refusal('PROFILE_NOT_FOUND', 'User profile not found');
  elsif p_request_id is null or auth.uid() is null then
    -- Without a user, the caller is one of our own processes. Their calls have keys of their own.
    return null;
  end if;
  -- The insert waits until a concurrent call with the same id ends. A success has then left its
  -- answer, and a refusal has left no row.
  insert into private.request_receipts (caller_id, client_request_id, function, object_id)
  values (auth.uid(), p_request_id, p_function, p_object_id)
  on conflict (caller_id, client_request_id) do nothing;
  if found then
    return null;
  end if;
  select * into v_receipt from private.request_receipts
  where caller_id = auth.uid() and client_request_id = p_request_id;
  if v_receipt.function <> p_function or v_receipt.object_id <> p_object_id then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return v_receipt.answer;
end;
$$;

create or replace function private.record_file(
  p_user_id uuid, p_type text, p_listing_id uuid, p_dispute_id uuid, p_order_idx integer,
  p_path text, p_url text, p_title text, p_file jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_subject_id constant uuid := case p_type
    when 'listing_photo' then p_listing_id
    when 'evidence_file' then p_dispute_id
    else p_user_id
  end;
  v_answer jsonb;
begin
  -- A suspension locks the user before the listings, so this does too.
  perform from public.users where id = p_user_id for key share;
  perform private.lock_subject(p_type, v_subject_id);
  v_answer := private.upload_refusal(p_user_id, p_type, p_listing_id, p_dispute_id);
  if v_answer is not null then
    return v_answer;
  end if;
  v_answer := private.recorded_file(p_user_id, p_type, v_subject_id, p_order_idx, p_file);
  if v_answer is not null then
    return v_answer;
  end if;
  v_answer := case p_type
    when 'listing_photo'
      then private.store_photo(p_listing_id, p_order_idx, p_path, p_url, p_file)
    when 'evidence_file'
      then private.store_evidence(p_user_id, p_dispute_id, p_path, p_url, p_title, p_file)
    else private.make_room(p_type, p_user_id)
  end;
  if (v_answer ->> 'success')::boolean then
    insert into private.stored_files (
      bucket_id, path, owner_id, subject_id, sha256, file_size, media_type
    )
    values (
      private.bucket_of(p_type), p_path, p_user_id, v_subject_id, p_file ->> 'sha256',
      (p_file ->> 'size')::bigint, p_file ->> 'media_type'
    );
    v_answer := v_answer || jsonb_build_object('path', p_path);
  end if;
  return v_answer;
end;
$$;

create or replace function private.remove_file(
  p_user_id uuid, p_bucket text, p_path text, p_photo_id uuid, p_listing_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_object constant text := private.object_name(p_bucket, p_path);
  v_answer jsonb;
begin
  v_answer := case p_bucket
    when 'listing-photos'
      then private.remove_photo(p_user_id, p_path, p_photo_id, p_listing_id)
    when 'evidence-uploads' then private.remove_evidence(p_user_id, p_path)
    when 'profile-avatars' then private.remove_user_file(p_user_id, p_bucket, p_path)
    when 'address-proofs' then private.remove_user_file(p_user_id, p_bucket, p_path)
  end;
  v_answer := coalesce(
    v_answer, private.leftover_answer(p_user_id, p_bucket, p_path),
    private.refusal('RESOURCE_NOT_FOUND', 'File not found')
  );
  if not (v_answer ->> 'success')::boolean then
    return v_answer;
  elsif exists (
    select from public.listing_photos
    where split_part(path, '#', 1) = v_object and p_bucket = 'listing-photos'
  ) then
    return v_answer || jsonb_build_object('object', null);
  end if;
  delete from private.stored_files where bucket_id = p_bucket and path = v_object;
  return v_answer || jsonb_build_object('object', v_object);
end;
$$;

create function private.object_name(p_bucket text, p_path text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case when p_bucket = 'listing-photos' then split_part(p_path, '#', 1) else p_path end;
end;
$$;

comment on function private.object_name is 'Return the name of the object of a file. Listings that were offered again show one photo under paths that differ behind a #.';

create or replace function private.leftover_answer(p_user_id uuid, p_bucket text, p_path text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_own constant boolean := case p_bucket
    when 'listing-photos' then exists (
      select from public.listings
      where id = private.uuid_or_null(split_part(p_path, '/', 1)) and seller_id = p_user_id
    )
    when 'evidence-uploads'
      then starts_with(split_part(p_path, '/', 2), p_user_id::text || '_')
    else split_part(p_path, '/', 1) = p_user_id::text
  end;
begin
  if
    not exists (
      select from storage.objects
      where bucket_id = p_bucket and name = private.object_name(p_bucket, p_path)
    )
    or exists (select from public.listing_photos where path = p_path)
    or exists (select from public.dispute_evidence where path = p_path)
  then
    return null;
  elsif v_is_own then
    return jsonb_build_object('success', true);
  end if;
  return private.refusal('FORBIDDEN', 'This file is not yours');
end;
$$;

create or replace function private.delete_profile()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform from public.users where id = old.id for update;
  -- A verification outlives its user, until Stripe has confirmed the redaction.
  perform private.redact_person(old.id);
  delete from private.kyc_sessions where user_id = old.id and status = 'starting';
  -- The reconcile job removes the objects.
  delete from private.stored_files
  where owner_id = old.id and bucket_id in ('profile-avatars', 'address-proofs');
  delete from public.notifications where user_id = old.id;
  delete from private.request_receipts where caller_id = old.id;
  delete from private.rate_limits
  where key in (
    select action || ':' || old.id from jsonb_object_keys(private.setting('rate_limits')) as action
  );
  delete from public.users where id = old.id;
  return old;
exception
  -- Every table of the market refers to its people, so a row of history refuses the deletion.
  when foreign_key_violation then
    raise foreign_key_violation using
      message = 'User ' || old.id || ' has bids, listings, orders or messages and cannot be deleted',
      hint = 'Delete the user with should_soft_delete: it anonymises the profile and keeps the history.';
end;
$$;

create or replace function private.finalize_auctions(
  p_actor_id uuid, p_request_id uuid, p_reason text, p_auction_id uuid, p_force boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb;
  v_auction public.auctions;
begin
  -- The caller may repeat a call whose answer was lost. The audit entry with its id then answers.
  perform pg_advisory_xact_lock(hashtextextended(p_request_id::text, 0));
  v_answer := coalesce(private.finalize_answer(p_request_id), private.reason_refusal(p_reason));
  if v_answer is not null then
    return v_answer;
  elsif p_auction_id is null and p_force then
    return private.refusal('VALIDATION_ERROR', 'Name the auction that you close by force');
  elsif p_force then
    -- A bid holds this lock, so no bid of the caller comes between the check and the close.
    select * into v_auction from public.auctions where id = p_auction_id for no key update;
    if private.takes_part(v_auction, p_actor_id) then
      return private.refusal('FORBIDDEN', 'You take part in this auction');
    end if;
  end if;
  v_answer := case
    when p_auction_id is null then private.end_expired_auctions(100)
    else private.end_auction(p_auction_id, p_force)
  end;
  if not (v_answer ->> 'success')::boolean then
    return v_answer;
  end if;
  perform private.write_audit(
    p_actor_id,
    case when p_force then 'auction_forced' else 'auctions_finalized' end,
    'auctions',
    p_auction_id::text,
    private.plain_reason(p_reason),
    jsonb_build_object('result', v_answer),
    p_request_id
  );
  return private.finalize_answer(p_request_id);
end;
$$;

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
    'staff_decide_report', p_client_request_id, md5(p_report_id || ':' || p_uphold)::uuid
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
    'admin_set_role', p_client_request_id, md5(p_user_id || ':' || p_role)::uuid
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
  v_reason constant text := private.plain_reason(p_reason);
  v_answer jsonb := private.begin_request(
    'staff_suspend_user', p_client_request_id,
    md5(p_user_id || ':' || coalesce(p_lift, false))::uuid
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
      private.suspension_refusal(v_user, coalesce(p_lift, false)),
      case
        when coalesce(p_lift, false) then private.lift_suspension(v_user, v_reason)
        else private.suspend_user(v_user, v_reason)
      end
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

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
  end if;
  return null;
end;
$$;

comment on function private.suspension_refusal is 'Return the reason why this member of staff cannot suspend a user or lift the suspension, or null.';

create or replace function private.request_refund(
  p_order_id uuid, p_payment_intent_id text, p_amount_cents bigint, p_reason text,
  p_user_id uuid, p_client_request_id uuid
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
      v_order, v_payment, p_user_id, coalesce(p_amount_cents, v_left_cents), v_left_cents
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
    and (p_user_id <> v_order.seller_id or private.is_owed_back(v_order, v_payment))
    and p_user_id is not null
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

create or replace function private.repeated_refund(
  p_order_id uuid, p_payment_intent_id text, p_amount_cents bigint, p_user_id uuid,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refund public.refunds;
begin
  select * into v_refund from public.refunds
  where idempotency_key = p_client_request_id::text;
  if v_refund.id is null then
    return null;
  elsif v_refund.order_id <> p_order_id
    or v_refund.initiated_by is distinct from p_user_id
    or v_refund.request <> private.refund_request(p_payment_intent_id, p_amount_cents)
    -- A refund of an earlier release has no request.
    or v_refund.amount_cents <> p_amount_cents
  then
    return private.refusal('REQUEST_ID_REUSED', 'This request id was used for something else');
  end if;
  return jsonb_build_object(
    'success', true, 'refund_id', v_refund.id, 'status', v_refund.status
  );
end;
$$;

create or replace function private.refund_refusal(
  p_order public.orders, p_payment public.payments, p_user_id uuid, p_amount_cents bigint,
  p_left_cents bigint
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_owed constant boolean := coalesce(p_left_cents > 0, false)
  and private.is_owed_back(p_order, p_payment);
  v_is_staff constant boolean := exists (
    select from public.users
    where
      id = p_user_id
      -- Staff decide nothing about their own purchase.
      and id <> p_order.buyer_id
      and role in ('admin', 'moderator')
      and suspended_at is null
      and deleted_at is null
  );
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
