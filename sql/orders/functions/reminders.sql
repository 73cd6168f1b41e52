create function private.send_order_reminders(p_max_rows integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := private.clock();
  v_due_before constant timestamptz := v_now
  + make_interval(hours => private.setting('reminder_before_h')::integer);
  v_paid_by constant timestamptz := v_now - private.setting_days('handover_due_days');
  v_reminder record;
  v_count integer := 0;
begin
  for v_reminder in
    select due.*, listings.title as listing_title
    from (
      select id, listing_id, buyer_id as user_id, 'payment_reminder' as type,
        'Please pay soon' as title,
        'Your order for %s is still unpaid and will be cancelled soon.' as message
      from public.orders
      where state = 'pending_payment' and payment_due_at > v_now and payment_due_at <= v_due_before
      union all
      select id, listing_id, seller_id, 'handover_reminder', 'Please hand over soon',
        'Hand over %s within two days, or the order is cancelled and the buyer gets the money back.'
      from public.orders
      where state in ('paid', 'ready_for_handover')
        and not refund_pending
        and paid_at > v_paid_by
        and paid_at <= v_paid_by + interval '48 hours'
    ) as due
      join public.listings on due.listing_id = listings.id
    where not exists (
      select from public.notifications where dedupe_key = due.type || ':' || due.id
    )
    limit p_max_rows
  loop
    perform private.notify(
      v_reminder.user_id, v_reminder.type, v_reminder.title,
      format(v_reminder.message, v_reminder.listing_title),
      jsonb_build_object('order_id', v_reminder.id),
      v_reminder.type || ':' || v_reminder.id
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.send_order_reminders is 'Remind buyers to pay and sellers to hand over; see the public wrapper.';
grant execute on function private.send_order_reminders to service_role;
