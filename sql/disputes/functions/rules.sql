create function private.stripe_dispute_stage(p_stripe_status text)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    array_position(
      array['warning_needs_response', 'warning_under_review', 'needs_response', 'under_review'],
      p_stripe_status
    ),
    5
  );
end;
$$;
comment on function private.stripe_dispute_stage is 'Return the stage of a status at Stripe: 1 and 2 are inquiries, 3 and 4 wait for the bank''s decision, 5 is the end. Every status that is unknown here ends a dispute.';

create function private.is_stripe_dispute_open(p_stripe_status text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.stripe_dispute_stage(p_stripe_status) < 5;
end;
$$;
comment on function private.is_stripe_dispute_open is 'Return true if the bank has not decided yet.';

create function private.is_dispute_lost(
  p_stripe_status text, p_withdrawn_cents bigint, p_reinstated_cents bigint
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when private.is_stripe_dispute_open(p_stripe_status) then false
    when p_stripe_status in ('won', 'warning_closed') then false
    when p_stripe_status = 'lost' then true
    -- Stripe ends a dispute in other ways too, such as prevented. Its balance transactions then show
    -- who got the money.
    else p_withdrawn_cents > p_reinstated_cents
  end;
end;
$$;
comment on function private.is_dispute_lost is 'Return true if a dispute at Stripe has ended and the money stays with the buyer. Null for a dispute that is not at Stripe.';

create function private.dispute_status(p_stripe_status text)
returns public.dispute_status
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when not private.is_stripe_dispute_open(p_stripe_status) then 'closed'
    when p_stripe_status in ('under_review', 'warning_under_review') then 'under_review'
    else 'open'
  end;
end;
$$;
comment on function private.dispute_status is 'Return our status for a status at Stripe.';

create function private.is_dispute_open(p_status public.dispute_status)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_status in ('open', 'under_review', 'escalated');
end;
$$;
comment on function private.is_dispute_open is 'Return true if nobody has decided the dispute yet.';

create function private.is_dispute_news(p_before public.disputes, p_reading public.disputes)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_stage_before constant integer := private.stripe_dispute_stage(p_before.stripe_status);
  v_stage constant integer := private.stripe_dispute_stage(p_reading.stripe_status);
begin
  -- Two processes may read the dispute from Stripe and apply it here in another sequence. Stripe only
  -- adds balance transactions, so smaller totals are older.
  if p_reading.withdrawn_cents < p_before.withdrawn_cents
    or p_reading.reinstated_cents < p_before.reinstated_cents
  then
    return false;
  end if;
  return p_reading.withdrawn_cents > p_before.withdrawn_cents
    or p_reading.reinstated_cents > p_before.reinstated_cents
    or v_stage > v_stage_before
    or (v_stage = v_stage_before and p_reading.stripe_status <> p_before.stripe_status);
end;
$$;
comment on function private.is_dispute_news is 'Return true if a dispute as read from Stripe is newer than our row. Equal totals with an earlier stage are old.';

create function private.dispute_type_of(p_stripe_reason text)
returns public.dispute_type
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_stripe_reason
    when 'product_not_received' then 'item_not_received'
    when 'product_unacceptable' then 'item_not_as_described'
    else 'other'
  end;
end;
$$;
comment on function private.dispute_type_of is 'Return the kind of complaint that a reason at Stripe stands for.';

create function private.resolution_type_of(p_decision public.dispute_decision)
returns public.dispute_resolution_type
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_decision
    when 'refund' then 'full_refund'
    when 'partial' then 'partial_refund'
    when 'deny' then 'no_action'
  end;
end;
$$;
comment on function private.resolution_type_of is 'Return the result that a decision of staff leads to.';

create function private.keep_dispute_in_step()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'UPDATE' and new.status = old.status and new.state <> old.state then
    new.status := case new.state
      when 'open' then 'open'
      when 'review' then 'under_review'
      when 'needs_evidence' then 'escalated'
      else 'resolved'
    end;
  end if;
  new.state := case new.status
    when 'open' then 'open'
    when 'under_review' then 'review'
    when 'escalated' then 'needs_evidence'
    else 'resolved'
  end;
  return new;
end;
$$;
comment on function private.keep_dispute_in_step is 'Trigger: derive state from status, or status from a state that was changed alone. Two pages read one column each.';
