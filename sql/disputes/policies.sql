alter table public.disputes enable row level security;
grant select (
  id, order_id, payment_id, initiator_id, respondent_id, dispute_type, reason, description,
  amount_cents, withdrawn_cents, reinstated_cents, currency, status, state, decision,
  refund_cents, resolution, resolution_type, refund_amount_cents, admin_notes, evidence_urls,
  stripe_dispute_id, stripe_status, resolved_at, created_at, updated_at
) on public.disputes to authenticated;
-- Realtime publishes the table, and sends a change only to roles that may select the key.
grant select (id) on public.disputes to service_role;

create policy parties_read_their_disputes on public.disputes
for select to authenticated
using (
  initiator_id = (select auth.uid())
  or respondent_id = (select auth.uid())
  or (select private.is_staff())
);
comment on policy parties_read_their_disputes on public.disputes is 'The parties of the order and staff read a dispute.';

alter table public.dispute_evidence enable row level security;
grant select (
  id, dispute_id, user_id, evidence_type, title, description, file_url, path, created_at
) on public.dispute_evidence to authenticated;
grant select (id) on public.dispute_evidence to service_role;

create policy parties_read_the_evidence on public.dispute_evidence
for select to authenticated
-- Use a scalar subquery, because the planner may hash an `exists` and then reads all disputes.
using ((
  select true from public.disputes
  where disputes.id = dispute_evidence.dispute_id
));
comment on policy parties_read_the_evidence on public.dispute_evidence is 'Everyone who may read the dispute reads its evidence.';

alter table public.dispute_messages enable row level security;
grant select (
  id, dispute_id, sender_id, message_type, content, is_internal, attachment_url,
  attachment_name, attachment_size, created_at
) on public.dispute_messages to authenticated;
grant select (id) on public.dispute_messages to service_role;

create policy parties_read_dispute_messages on public.dispute_messages
for select to authenticated
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
