create function private.is_stripe_dispute_open(p_stripe_status text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_stripe_status in (
    'warning_needs_response', 'warning_under_review', 'needs_response', 'under_review'
  );
end;
$$;
comment on function private.is_stripe_dispute_open is 'Return true if the bank has not decided yet. Every other status of Stripe ends a dispute, also one that Stripe adds later.';

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
