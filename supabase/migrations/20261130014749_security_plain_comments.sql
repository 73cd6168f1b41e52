set lock_timeout = '2s';
set statement_timeout = '30s';

comment on column private.request_receipts.object_id is 'The listing, order, dispute, message or user that the call is about. If an argument chooses what happens to the object, it is a hash of both. Null for a call that creates its object.';

comment on column public.refunds.request is 'payment_intent_id and amount_cents as the caller sent them, each null if the caller left it out. The column is null for a refund that no caller requested.';

comment on function private.check_upload is 'Return success if a user may upload a file now, or the refusal; see the public wrapper.';

comment on function private.anonymise_account is 'Anonymise an account, or return the refusal: it has open business or money on its way, or it is the last admin''s. A repeat changes nothing and succeeds.';

comment on function private.target_refusal is 'Return the reason why a report may not have this target, or null. A report has one target, which the reporter may read and which belongs to another user.';

comment on function private.decision_about_report_refusal is 'Return the reason why this member of staff cannot make this decision about a report, or null.';

comment on function private.alerts_after_error is 'Return the alerts of a failed try. While Stripe gives a row no answer, only the try whose pause reaches the cap raises an alert.';

comment on function private.repeated_refund is 'Return the answer to a request whose id has a refund already, or null. Another request with this id is refused. Two requests differ if one names an amount and the other asks for all that is left.';

comment on function public.read_gauges is 'Return figures for metrics, by name: depth and age of inbox and outbox, overdue and postponed auctions, last_heartbeat_seconds, held messages, unpaid_overdue_orders, ledger_drift_orders, orders_unlike_stripe. The last two count the results of check_orders.';
